/* safetensors.c - reads a safetensors file that may say anything.
 *
 * u64 header length, JSON header, data. Nothing the header says is believed before it was compared
 * with what is there: the tensors must tile the data exactly, each with the bytes its type and
 * shape ask for. */
#include "base/json.h"
#include "weights/weights_private.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEADER   (64 << 20)
#define MAX_NAME     512
#define MAX_ELEMENTS ((int64_t) 1 << 48) /* times 8 bytes still fits an int64 */

typedef struct {
  int64_t begin, end;
  const char *name;
} Span;

static uint64_t
little_endian_u64 (const uint8_t *p)
{
  uint64_t x = 0;

  for (int i = 7; i >= 0; i--)
    x = x << 8 | p[i];
  return x;
}

static bool
parse_dtype (const char *word, EmDtype *dtype)
{
  static const EmDtype known[] = { EM_F32, EM_BF16, EM_F16, EM_I32, EM_I64, EM_U8 };

  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp (word, em_dtype_name (known[i])) == 0) {
      *dtype = known[i];
      return true;
    }
  return false;
}

/* dtype, shape and place of one tensor; its bytes lie within [0, n_data). */
static bool
parse_tensor (const EmWeights *w, const char *name, const json_t *entry, int64_t n_data,
              EmTensor *tensor, Span *span, EmError *err)
{
  const char *dtype = json_string_value (json_object_get (entry, "dtype"));
  const json_t *shape = json_object_get (entry, "shape");
  const json_t *offsets = json_object_get (entry, "data_offsets");
  int64_t n = 1;

  memset (tensor, 0, sizeof *tensor);
  if (!*name || strlen (name) > MAX_NAME)
    return em_fail (err, EM_E_WEIGHTS, "%s: a tensor without a sensible name", w->label);
  if (!dtype || !json_is_array (shape) || json_array_size (offsets) != 2)
    return em_fail (err, EM_E_WEIGHTS, "%s: %s lacks dtype, shape or data_offsets", w->label, name);
  if (!parse_dtype (dtype, &tensor->dtype))
    return em_fail (err, EM_E_WEIGHTS, "%s: %s has type %.16s, which is not supported", w->label,
                    name, dtype);
  if (json_array_size (shape) > EM_MAX_DIMS)
    return em_fail (err, EM_E_WEIGHTS, "%s: %s has %zu dimensions, at most %d are supported",
                    w->label, name, json_array_size (shape), EM_MAX_DIMS);
  tensor->ndim = (int) json_array_size (shape);
  for (int i = 0; i < EM_MAX_DIMS; i++)
    tensor->shape[i] = 1;
  for (int i = 0; i < tensor->ndim; i++) {
    const json_t *side = json_array_get (shape, i);
    int64_t value = json_is_integer (side) ? json_integer_value (side) : -1;

    if (value < 0 || value > MAX_ELEMENTS || (n && value > MAX_ELEMENTS / n))
      return em_fail (err, EM_E_WEIGHTS, "%s: %s has an impossible shape", w->label, name);
    tensor->shape[i] = value;
    n *= value;
  }

  const json_t *begin = json_array_get (offsets, 0), *end = json_array_get (offsets, 1);
  if (!json_is_integer (begin) || !json_is_integer (end))
    return em_fail (err, EM_E_WEIGHTS, "%s: %s has data_offsets that are no integers", w->label,
                    name);
  *span = (Span){ json_integer_value (begin), json_integer_value (end), name };
  if (span->begin < 0 || span->end < span->begin || span->end > n_data)
    return em_fail (err, EM_E_WEIGHTS,
                    "%s: %s lies at bytes %" PRId64 " to %" PRId64 " of %" PRId64
                    ": the file is cut off or damaged",
                    w->label, name, span->begin, span->end, n_data);
  if (span->end - span->begin != n * (int64_t) em_dtype_bytes (tensor->dtype)) {
    char text[128];

    return em_fail (err, EM_E_WEIGHTS, "%s: %s is %s %s, but has %" PRId64 " bytes", w->label, name,
                    dtype, em_shape_text (tensor, text, sizeof text), span->end - span->begin);
  }
  return true;
}

static int
by_begin (const void *a, const void *b)
{
  const Span *x = a, *y = b;

  if (x->begin != y->begin)
    return x->begin < y->begin ? -1 : 1;
  return x->end < y->end ? -1 : x->end > y->end; /* empty tensors before what begins there */
}

/* No overlap and no gap: a gap hides bytes that no digest sees. */
static bool
check_tiling (const EmWeights *w, Span *spans, int n, int64_t n_data, EmError *err)
{
  int64_t at = 0;

  if (n)
    qsort (spans, n, sizeof *spans, by_begin);
  for (int i = 0; i < n; i++) {
    if (spans[i].begin < at)
      return em_fail (err, EM_E_WEIGHTS, "%s: %s overlaps %s", w->label, spans[i].name,
                      spans[i - 1].name);
    if (spans[i].begin > at)
      return em_fail (err, EM_E_WEIGHTS, "%s: %" PRId64 " unclaimed bytes before %s", w->label,
                      spans[i].begin - at, spans[i].name);
    at = spans[i].end;
  }
  if (at != n_data)
    return em_fail (err, EM_E_WEIGHTS, "%s: %" PRId64 " unclaimed bytes at its end", w->label,
                    n_data - at);
  return true;
}

/* Whoever wrote the file may have left tensors at odd addresses; those are copied. */
static bool
align_tensors (EmWeights *w, EmError *err)
{
  size_t bytes = 0, at = 0;

  for (int pass = 0; pass < 2; pass++) {
    for (int i = 0; i < w->n; i++) {
      EmTensor *t = &w->entries[i].tensor;
      size_t n = em_numel (t) * em_dtype_bytes (t->dtype);

      if ((uintptr_t) t->data % em_dtype_bytes (t->dtype) == 0)
        continue;
      if (pass == 0) {
        bytes += (n + 7) / 8 * 8;
        continue;
      }
      if (n)
        memcpy ((char *) w->copies + at, t->data, n);
      t->data = (char *) w->copies + at;
      at += (n + 7) / 8 * 8;
    }
    if (pass == 0 && !(w->copies = malloc (bytes ? bytes : 1)))
      return em_fail (err, EM_E_DEVICE, "%s: out of memory", w->label);
  }
  return true;
}

static bool
read_entries (EmWeights *w, json_t *header, const uint8_t *data, int64_t n_data, EmError *err)
{
  Span *spans = calloc (json_object_size (header) + 1, sizeof *spans);
  bool ok = spans || em_fail (err, EM_E_DEVICE, "%s: out of memory", w->label);
  const char *name, *key;
  json_t *entry, *value;

  json_object_foreach (header, name, entry)
  {
    EmTensor tensor;

    if (!ok)
      break;
    if (strcmp (name, "__metadata__") == 0) {
      json_object_foreach (entry, key, value) if (ok && json_is_string (value)) ok
          = em_weights_add_metadata (w, key, json_string_value (value), err);
      continue;
    }
    ok = parse_tensor (w, name, entry, n_data, &tensor, &spans[w->n], err);
    if (ok) {
      tensor.data = (void *) (data + spans[w->n].begin); /* mapped read-only: never written */
      ok = em_weights_add (w, name, &tensor, err);
    }
  }
  ok = ok && check_tiling (w, spans, w->n, n_data, err);
  free (spans);
  return ok && align_tensors (w, err) && em_weights_seal (w, err);
}

bool
em_safetensors_read (EmWeights *w, const void *bytes, size_t n, EmError *err)
{
  const uint8_t *file = bytes;
  char what[256];

  if (n < 8)
    return em_fail (err, EM_E_WEIGHTS, "%s: %zu bytes are no safetensors file", w->label, n);

  uint64_t n_header = little_endian_u64 (file);
  if (n_header > MAX_HEADER || n_header > n - 8)
    return em_fail (err, EM_E_WEIGHTS,
                    "%s: the header claims %" PRIu64 " bytes: not a safetensors file, or cut off",
                    w->label, n_header);

  snprintf (what, sizeof what, "the header of %s", w->label);
  json_t *header = em_json_parse ((const char *) file + 8, n_header, what, EM_E_WEIGHTS, err);
  if (!header)
    return false;
  bool ok = json_is_object (header)
                ? read_entries (w, header, file + 8 + n_header, n - 8 - n_header, err)
                : em_fail (err, EM_E_WEIGHTS, "%s: the header is no JSON object", w->label);
  json_decref (header);
  return ok;
}
