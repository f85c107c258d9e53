/* library.c - packages found as people name them. */
#include "weights/library.h"
#include <unistd.h>
#include "check.h"
#include "weights/weights.h"

static char home[] = "/tmp/earmark-library-XXXXXX";

/* Keeps a package of one value under its digest; returns the path. */
static char *
keep (const char *name, float value)
{
  EmError err = EM_ERROR_INIT;
  EmTensor t = em_tensor_f32 (&value, 1);
  char config[64];
  const char *names[] = { "t" }, *metadata[] = { "earmark.config", config };
  EmWeights *w = em_weights_open_tensors (1, names, &t, NULL, &err);
  char *path = em_library_place (em_weights_digest (w), &err);

  snprintf (config, sizeof config, "{\"name\":\"%s\"}", name);
  CHECK (path && em_weights_save (path, 1, names, &t, metadata, 1, &err));
  em_weights_close (w);
  return path;
}

/* `spec` leads to `path`, or with NULL to an error that has `word`. */
static void
check_find (const char *spec, const char *path, const char *word)
{
  EmError err = EM_ERROR_INIT;
  char *found = em_library_find (spec, &err);

  if (path)
    CHECK_TEXT (found, path);
  else
    CHECK (!found && err.code == EM_E_WEIGHTS && strstr (err.text, word));
  free (found);
}

static void
names_and_digests (void)
{
  EmError err = EM_ERROR_INIT;
  char *one, *two, *twin, prefix[8];
  EmLibraryEntry *entries;
  int n;

  CHECK (mkdtemp (home) != NULL);
  setenv ("XDG_DATA_HOME", home, 1);
  entries = em_library_list (&n, &err);
  CHECK (entries && n == 0); /* no folder yet */
  em_library_list_free (entries, n);
  check_find ("one", NULL, "neither a file nor a package");

  one = keep ("one", 1);
  two = keep ("two", 2);
  twin = keep ("two", 3);
  entries = em_library_list (&n, &err);
  CHECK_INT (n, 3);
  CHECK_TEXT (entries[0].name, "one");
  CHECK_TEXT (entries[0].path, one);
  CHECK (entries[0].bytes > 0 && em_library_verify (&entries[0], &err));

  snprintf (prefix, sizeof prefix, "%.6s", entries[0].digest);
  check_find ("one", one, NULL);
  check_find (entries[0].digest, one, NULL);
  check_find (prefix, one, NULL);
  prefix[3] = 0; /* three digits could be a name mistyped */
  check_find (prefix, NULL, "neither");
  check_find ("two", NULL, "2 packages");
  check_find ("/some/where.safetensors", "/some/where.safetensors", NULL);

  /* A file under another's digest. */
  CHECK (rename (two, one) == 0);
  CHECK (!em_library_verify (&entries[0], &err));
  CHECK_INT (err.code, EM_E_CHECK);
  em_library_list_free (entries, n);
  unlink (one);
  unlink (twin);
  free (one);
  free (two);
  free (twin);
}

CHECK_MAIN (names_and_digests)
