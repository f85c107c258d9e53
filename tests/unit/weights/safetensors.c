/* safetensors.c - what a file may claim, and what is believed. */
#include <unistd.h>
#include "check.h"
#include "weights/weights.h"

/* A file in memory: header length, header, data. `claimed` overrides the length where >= 0. */
typedef struct {
  uint8_t bytes[4096];
  size_t n;
} File;

static File
file_of (const char *header, size_t n_data, long long claimed)
{
  File f = { .n = 8 + strlen (header) + n_data };
  uint64_t n_header = claimed >= 0 ? (uint64_t) claimed : strlen (header);

  for (int i = 0; i < 8; i++)
    f.bytes[i] = (uint8_t) (n_header >> (8 * i));
  memcpy (f.bytes + 8, header, strlen (header));
  for (size_t i = 0; i < n_data; i++)
    f.bytes[8 + strlen (header) + i] = (uint8_t) (3 * i + 1);
  return f;
}

/* Opens an exact copy, so that a sanitizer sees one byte too many. */
static EmWeights *
open_file (const File *f, uint8_t **copy, EmError *err)
{
  *err = (EmError) EM_ERROR_INIT;
  *copy = malloc (f->n ? f->n : 1);
  memcpy (*copy, f->bytes, f->n);
  return em_weights_open_bytes (*copy, f->n, "file", err);
}

/* Refused as unusable weights, with a sentence that has `word`. */
static void
check_refused (const char *header, size_t n_data, long long claimed, const char *word)
{
  File f = file_of (header, n_data, claimed);
  uint8_t *copy;
  EmError err;
  EmWeights *w = open_file (&f, &copy, &err);

  CHECK (!w);
  CHECK_INT (err.code, EM_E_WEIGHTS);
  if (!strstr (err.text, word)) {
    fprintf (stderr, "\"%s\" lacks \"%s\"\n", err.text, word);
    check_failures++;
  }
  em_weights_close (w);
  free (copy);
}

static void
sound_file (void)
{
  File f = file_of ("{\"__metadata__\":{\"earmark.config\":\"{}\"},"
                    "\"b\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                    "\"a\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[24,26]},"
                    "\"none\":{\"dtype\":\"I64\",\"shape\":[0,7],\"data_offsets\":[24,24]}}  ",
                    26, -1);
  uint8_t *copy;
  EmError err;
  EmWeights *w = open_file (&f, &copy, &err);
  const EmTensor *b;

  CHECK (w);
  if (!w) {
    fprintf (stderr, "%s\n", err.text);
    return;
  }
  CHECK_INT (em_weights_count (w), 3);
  CHECK_TEXT (em_weights_name (w, 0), "a");
  CHECK_TEXT (em_weights_name (w, 2), "none");
  CHECK_TEXT (em_weights_metadata (w, "earmark.config"), "{}");
  CHECK (!em_weights_metadata (w, "other"));
  CHECK (!em_weights_find (w, "c") && !em_weights_find (w, ""));
  b = em_weights_find (w, "b");
  CHECK (b && b->dtype == EM_F32 && b->ndim == 2 && b->shape[0] == 2 && b->shape[1] == 3);
  CHECK (b && (uintptr_t) b->data % sizeof (float) == 0); /* also where the file has it askew */
  CHECK (b && memcmp (b->data, f.bytes + f.n - 26, 24) == 0);
  CHECK_INT (em_weights_find (w, "a")->ndim, 0);
  CHECK_INT (em_numel (em_weights_find (w, "none")), 0);
  CHECK_INT (strlen (em_weights_digest (w)), 64);
  em_weights_close (w);
  free (copy);
}

#define ONE(dtype, shape, offsets)                                                                 \
  "{\"t\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void
wild_claims (void)
{
  check_refused ("", 0, 0, "JSON");
  check_refused ("{}", 0, 3, "header claims");
  check_refused ("{}", 0, 1ll << 62, "header claims");
  check_refused ("{}", 0, -1 & 0x7fffffffffffffff, "header claims");
  check_refused ("[1]", 0, -1, "object");
  check_refused ("{\"t\":", 0, -1, "JSON");
  check_refused ("{}", 4, -1, "unclaimed");
  check_refused (ONE ("F32", "[1]", "[0,4]"), 3, -1, "cut off");
  check_refused (ONE ("F32", "[1]", "[4,0]"), 4, -1, "cut off");
  check_refused (ONE ("F32", "[1]", "[-4,0]"), 4, -1, "cut off");
  check_refused (ONE ("F32", "[1]", "[0,9223372036854775807]"), 4, -1, "cut off");
  check_refused (ONE ("F32", "[1]", "[0,99999999999999999999]"), 4, -1, "JSON");
  check_refused (ONE ("F32", "[2]", "[0,4]"), 4, -1, "bytes");
  check_refused (ONE ("F32", "[-1]", "[0,4]"), 4, -1, "shape");
  check_refused (ONE ("F32", "[1.5]", "[0,4]"), 4, -1, "shape");
  check_refused (ONE ("F32", "[4294967296,4294967296]", "[0,0]"), 0, -1, "shape");
  check_refused (ONE ("F32", "[0,9223372036854775807]", "[0,0]"), 0, -1, "shape");
  check_refused (ONE ("F32", "[1,1,1,1,1,1]", "[0,4]"), 4, -1, "dimensions");
  check_refused (ONE ("F32", "4", "[0,4]"), 4, -1, "lacks");
  check_refused (ONE ("F32", "[1]", "[0,2,4]"), 4, -1, "lacks");
  check_refused (ONE ("F32", "[1]", "[0,\"4\"]"), 4, -1, "integers");
  check_refused (ONE ("Q4", "[1]", "[0,4]"), 4, -1, "Q4");
  check_refused ("{\"t\":7}", 0, -1, "lacks");
  check_refused ("{\"\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, -1, "name");
  check_refused ("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                 "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
                 3, -1, "overlaps");
  check_refused ("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                 "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}",
                 3, -1, "unclaimed");
  check_refused ("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                 "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
                 2, -1, "JSON");
}

static void
too_short (void)
{
  for (size_t n = 0; n < 8; n++) {
    File f = { .n = n };
    uint8_t *copy;
    EmError err;

    CHECK (!open_file (&f, &copy, &err));
    CHECK_INT (err.code, EM_E_WEIGHTS);
    free (copy);
  }
}

static void
unreadable_files (void)
{
  EmError err = EM_ERROR_INIT;

  CHECK (!em_weights_open ("/nonexistent/file.safetensors", &err));
  CHECK_INT (err.code, EM_E_INPUT);
  err = (EmError) EM_ERROR_INIT;
  CHECK (!em_weights_open ("/", &err));
  CHECK_INT (err.code, EM_E_INPUT);
  err = (EmError) EM_ERROR_INIT;
  CHECK (!em_weights_open ("/dev/null", &err));
  CHECK_INT (err.code, EM_E_INPUT);
}

/* Saved, opened, the same: tensors of odd sizes, metadata with quotes; the digest knows contents
 * only, not the order they came in. */
static void
save_and_open (void)
{
  static const char *const names[] = { "z.half", "a.bytes", "m.wide" };
  static const char *const metadata[] = { "earmark.config", "{\"name\":\"q\\\"uote\"}" };
  uint8_t bytes[5] = { 1, 2, 3, 4, 5 };
  uint16_t half[3] = { 0x3c00, 0, 0xffff };
  float wide[6] = { 1, -2, 3.5f, 0, 1e30f, -0.0f };
  EmTensor tensors[3]
      = { em_tensor_of (EM_F16, half, 1, (int64_t[]){ 3 }),
          em_tensor_of (EM_U8, bytes, 1, (int64_t[]){ 5 }), em_tensor_f32 (wide, 2, 3) };
  EmError err = EM_ERROR_INIT;
  char path[] = "/tmp/earmark-test-XXXXXX";
  int fd = mkstemp (path);
  EmWeights *w, *memory;

  CHECK (fd >= 0);
  close (fd);
  CHECK (em_weights_save (path, 3, names, tensors, metadata, 1, &err));
  w = em_weights_open (path, &err);
  memory = em_weights_open_tensors (3, names, tensors, metadata[1], &err);
  CHECK (w && memory);
  if (!w || !memory) {
    fprintf (stderr, "%s\n", err.text);
    return;
  }
  for (int i = 0; i < 3; i++) {
    const EmTensor *t = em_weights_find (w, names[i]);

    CHECK (t && t->dtype == tensors[i].dtype && em_same_shape (t, &tensors[i]));
    CHECK (t && memcmp (t->data, tensors[i].data, em_numel (t) * em_dtype_bytes (t->dtype)) == 0);
  }
  CHECK_TEXT (em_weights_metadata (w, "earmark.config"), metadata[1]);
  CHECK_TEXT (em_weights_path (w), path);
  CHECK_TEXT (em_weights_digest (w), em_weights_digest (memory));
  em_weights_close (memory);

  char before[65];
  snprintf (before, sizeof before, "%s", em_weights_digest (w));
  wide[0] = 2;
  memory = em_weights_open_tensors (3, names, tensors, NULL, &err);
  CHECK (strcmp (before, em_weights_digest (memory)) != 0);
  em_weights_close (memory);
  em_weights_close (w);
  unlink (path);

  CHECK (!em_weights_save ("/nonexistent/dir/x", 3, names, tensors, NULL, 0, &err));
  CHECK_INT (err.code, EM_E_INPUT);
}

CHECK_MAIN (sound_file, wild_claims, too_short, unreadable_files, save_and_open)
