/* library.c - the folder of packages. */
#include "weights/library.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/json.h"
#include "weights/weights.h"

#define SUFFIX   ".safetensors"
#define N_DIGEST 64

/* "A/B", which the caller frees; memory aborts, there is little of it. */
static char *
join (const char *a, const char *b)
{
  size_t n = strlen (a) + strlen (b) + 2;
  char *path = malloc (n);

  EM_BUG_UNLESS (path);
  snprintf (path, n, "%s/%s", a, b);
  return path;
}

char *
em_library_folder (EmError *err)
{
  const char *data = getenv ("XDG_DATA_HOME"), *home = getenv ("HOME");

  if (data && data[0] == '/') /* anything else is to be ignored, says the specification */
    return join (data, "earmark/weights");
  if (home && home[0])
    return join (home, ".local/share/earmark/weights");
  em_fail (err, EM_E_INPUT, "neither XDG_DATA_HOME nor HOME says where weights are kept");
  return NULL;
}

static bool
make_folders (char *path, EmError *err)
{
  for (char *slash = path + 1;; slash++) {
    char was = *slash;

    if (was != '/' && was)
      continue;
    *slash = 0;
    bool ok = mkdir (path, 0755) == 0 || errno == EEXIST;
    *slash = was;
    if (!ok)
      return em_fail (err, EM_E_INPUT, "cannot make the folder %s: %s", path, strerror (errno));
    if (!was)
      return true;
  }
}

char *
em_library_place (const char *digest, EmError *err)
{
  char *folder = em_library_folder (err), *path = NULL, name[N_DIGEST + sizeof SUFFIX];

  if (folder && make_folders (folder, err)) {
    snprintf (name, sizeof name, "%.64s%s", digest, SUFFIX);
    path = join (folder, name);
  }
  free (folder);
  return path;
}

static bool
is_digest (const char *text, size_t n)
{
  return n <= N_DIGEST && strspn (text, "0123456789abcdef") == n;
}

/* Fills `e` if the file is a package; the configuration's name is all that is read of it. */
static bool
read_entry (EmLibraryEntry *e, const char *folder, const char *file)
{
  size_t n = strlen (file);
  struct stat st;

  if (n != N_DIGEST + strlen (SUFFIX) || strcmp (file + N_DIGEST, SUFFIX) != 0
      || strspn (file, "0123456789abcdef") != N_DIGEST)
    return false;
  e->path = join (folder, file);
  snprintf (e->digest, sizeof e->digest, "%.64s", file);
  e->name[0] = 0;
  e->bytes = stat (e->path, &st) == 0 ? (long long) st.st_size : 0;

  EmWeights *w = em_weights_open (e->path, NULL);
  const char *json = w ? em_weights_metadata (w, "earmark.config") : NULL;
  json_t *config = json ? em_json_parse (json, strlen (json), "", EM_E_WEIGHTS, NULL) : NULL;
  const char *name = json_string_value (json_object_get (config, "name"));

  snprintf (e->name, sizeof e->name, "%.120s", name ? name : "");
  json_decref (config);
  em_weights_close (w);
  return true;
}

static int
by_name (const void *a, const void *b)
{
  const EmLibraryEntry *x = a, *y = b;
  int order = strcmp (x->name, y->name);

  return order ? order : strcmp (x->digest, y->digest);
}

EmLibraryEntry *
em_library_list (int *n, EmError *err)
{
  char *folder = em_library_folder (err);
  EmLibraryEntry *entries = folder ? calloc (1, sizeof *entries) : NULL;
  DIR *dir = entries ? opendir (folder) : NULL;
  struct dirent *item;

  *n = 0;
  if (entries && !dir && errno != ENOENT) {
    em_fail (err, EM_E_INPUT, "cannot read %s: %s", folder, strerror (errno));
    free (entries);
    entries = NULL;
  }
  while (dir && (item = readdir (dir))) {
    EmLibraryEntry *more = realloc (entries, (*n + 1) * sizeof *entries);

    EM_BUG_UNLESS (more);
    entries = more;
    *n += read_entry (&entries[*n], folder, item->d_name);
  }
  if (dir)
    closedir (dir);
  if (*n)
    qsort (entries, *n, sizeof *entries, by_name);
  free (folder);
  return entries;
}

void
em_library_list_free (EmLibraryEntry *entries, int n)
{
  for (int i = 0; i < n; i++)
    free (entries[i].path);
  free (entries);
}

char *
em_library_find (const char *spec, EmError *err)
{
  size_t length = strlen (spec);
  int n, n_found = 0, found = 0;
  EmLibraryEntry *entries;
  struct stat st;
  char *path = NULL;

  if (strchr (spec, '/') || stat (spec, &st) == 0)
    return strdup (spec);
  entries = em_library_list (&n, err);
  if (!entries)
    return NULL;
  for (int i = 0; i < n; i++)
    if (strcmp (entries[i].name, spec) == 0
        || (length >= 4 && is_digest (spec, length)
            && strncmp (entries[i].digest, spec, length) == 0)) {
      found = i;
      n_found++;
    }
  if (n_found == 1)
    path = strdup (entries[found].path);
  else if (n_found > 1)
    em_fail (err, EM_E_WEIGHTS,
             "%.200s names %d packages: give the first digits of a digest of \"earmark-cli weights "
             "list\"",
             spec, n_found);
  else
    em_fail (err, EM_E_WEIGHTS,
             "%.200s is neither a file nor a package of \"earmark-cli weights list\"", spec);
  em_library_list_free (entries, n);
  return path;
}

bool
em_library_verify (const EmLibraryEntry *entry, EmError *err)
{
  EmWeights *w = em_weights_open (entry->path, err);
  bool ok = false;

  if (w && strcmp (em_weights_digest (w), entry->digest) == 0)
    ok = true;
  else if (w)
    em_fail (err, EM_E_CHECK, "%.200s: its tensors have the digest %s: the file was changed",
             entry->path, em_weights_digest (w));
  em_weights_close (w);
  return ok;
}
