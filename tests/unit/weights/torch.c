/* torch.c - tensors over storages: shared, turned, at odd addresses, and out of bounds. */
#include "check.h"
#include "torch_bytes.h"
#include "weights/weights.h"

static const float numbers[6] = { 1, 2, 3, 4, 5, 6 };
static TorchBytes file;

typedef struct {
  const char *name, *type, *key;
  int numel, offset, ndim, shape[6], strides[6];
} Row;

/* An archive of `n` tensors over storage 0, six floats, and 1, four halves (1.0). */
static EmWeights *
open_rows (const Row *rows, int n, const char *shift, uint8_t **copy, EmError *err)
{
  static const uint16_t halves[4] = { 0x3c00, 0x3c00, 0x3c00, 0x3c00 };
  static TorchBytes pickle;
  static TorchArchive a;

  *err = (EmError) EM_ERROR_INIT;
  pickle.n = file.n = 0;
  torch_put_ops (&pickle, TORCH_BEGIN TORCH_DICT "(");
  for (int i = 0; i < n; i++) {
    torch_put_text (&pickle, rows[i].name);
    torch_put_tensor (&pickle, rows[i].type, rows[i].key, rows[i].numel, rows[i].offset,
                      rows[i].ndim, rows[i].shape, rows[i].strides);
  }
  torch_put_ops (&pickle, "u.");
  a = (TorchArchive){ .to = &file };
  torch_archive_add (&a, "m/data.pkl", pickle.bytes, pickle.n);
  torch_archive_add (&a, "m/data/0", numbers, sizeof numbers);
  torch_archive_add (&a, "m/data/1", halves, sizeof halves);
  torch_archive_end (&a, 1);
  *copy = malloc (file.n + strlen (shift)); /* an address that is as odd as the shift is long */
  memcpy (*copy + strlen (shift), file.bytes, file.n);
  return em_weights_open_bytes (*copy + strlen (shift), file.n, "file", err);
}

static void
check_values (const EmTensor *t, int n, const float *want)
{
  CHECK (t && em_numel (t) == n);
  for (int i = 0; t && i < n; i++)
    CHECK_NEAR (em_f32 (t)[i], want[i], 0);
}

static void
reads_views (void)
{
  static const Row rows[] = {
    { "plain", "FloatStorage", "0", 6, 0, 2, { 2, 3 }, { 3, 1 } },
    { "turned", "FloatStorage", "0", 6, 0, 2, { 3, 2 }, { 1, 3 } },
    { "last", "FloatStorage", "0", 6, 3, 1, { 3 }, { 1 } },
    { "steps", "FloatStorage", "0", 6, 1, 1, { 2 }, { 3 } },
    { "scalar", "FloatStorage", "0", 6, 5, 0, { 0 }, { 0 } },
    { "none", "FloatStorage", "0", 6, 6, 2, { 0, 7 }, { 7, 1 } },
    { "ones", "FloatStorage", "0", 6, 0, 3, { 1, 6, 1 }, { 99, 1, 99 } }, /* a side of 1: no step */
    { "half", "HalfStorage", "1", 4, 2, 1, { 2 }, { 1 } },
  };
  const char *const shifts[] = { "", "x" };

  for (int k = 0; k < 2; k++) {
    EmError err;
    uint8_t *copy;
    EmWeights *w = open_rows (rows, 8, shifts[k], &copy, &err);

    CHECK_TEXT (err.text, "");
    if (!w) {
      free (copy);
      continue;
    }
    CHECK_INT (em_weights_count (w), 8);
    check_values (em_weights_find (w, "plain"), 6, numbers);
    check_values (em_weights_find (w, "turned"), 6, (float[]){ 1, 4, 2, 5, 3, 6 });
    check_values (em_weights_find (w, "last"), 3, numbers + 3);
    check_values (em_weights_find (w, "steps"), 2, (float[]){ 2, 5 });
    check_values (em_weights_find (w, "scalar"), 1, numbers + 5);
    check_values (em_weights_find (w, "ones"), 6, numbers);
    CHECK_INT (em_numel (em_weights_find (w, "none")), 0);
    CHECK_INT (em_weights_find (w, "half")->dtype, EM_F16);
    CHECK_INT (((uint16_t *) em_weights_find (w, "half")->data)[1], 0x3c00);
    /* used where it lies, unless that is an odd address */
    const uint8_t *at = em_weights_find (w, "plain")->data;
    CHECK_INT (at >= copy && at < copy + file.n, k == 0);
    em_weights_close (w);
    free (copy);
  }
}

static void
refuses (Row row, const char *sentence)
{
  EmError err;
  uint8_t *copy;
  EmWeights *w = open_rows (&row, 1, "", &copy, &err);

  CHECK (!w);
  CHECK_INT (err.code, EM_E_WEIGHTS);
  if (!strstr (err.text, sentence)) {
    fprintf (stderr, "\"%s\" lacks \"%s\"\n", err.text, sentence);
    check_failures++;
  }
  em_weights_close (w);
  free (copy);
}

static void
refuses_what_lies_outside (void)
{
  refuses ((Row){ "x", "FloatStorage", "0", 6, 1, 2, { 2, 3 }, { 3, 1 } }, "reaches out");
  refuses ((Row){ "x", "FloatStorage", "0", 6, 0, 2, { 2, 3 }, { 4, 1 } }, "reaches out");
  refuses ((Row){ "x", "FloatStorage", "0", 6, 7, 1, { 0 }, { 1 } }, "begins outside");
  refuses ((Row){ "x", "FloatStorage", "0", 6, -1, 1, { 1 }, { 1 } }, "begins outside");
  refuses ((Row){ "x", "FloatStorage", "0", 6, 0, 1, { 7 }, { 0 } }, "more elements");
  refuses ((Row){ "x", "FloatStorage", "0", 6, 0, 1, { -1 }, { 1 } }, "impossible shape");
  refuses ((Row){ "x", "FloatStorage", "0", 6, 0, 1, { 2 }, { -1 } }, "impossible stride");
  refuses ((Row){ "x", "FloatStorage", "0", 7, 0, 1, { 1 }, { 1 } }, "24 bytes");
  refuses ((Row){ "x", "FloatStorage", "0", 12, 0, 1, { 1 }, { 1 } }, "24 bytes");
  refuses ((Row){ "x", "FloatStorage", "2", 6, 0, 1, { 1 }, { 1 } }, "missing");
  refuses ((Row){ "x", "FloatStorage", "", 6, 0, 1, { 1 }, { 1 } }, "storage");
  refuses ((Row){ "x", "DoubleStorage", "0", 3, 0, 1, { 1 }, { 1 } }, "torch.DoubleStorage");
  refuses ((Row){ "x", "FloatStorage", "0", 6, 0, 6, { 1, 1, 1, 1, 1, 1 }, { 1, 1, 1, 1, 1, 1 } },
           "6 dimensions");
  refuses ((Row){ "", "FloatStorage", "0", 6, 0, 1, { 1 }, { 1 } }, "sensible name");
}

CHECK_MAIN (reads_views, refuses_what_lies_outside)
