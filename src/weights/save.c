/* save.c - writes a package beside its path and renames it, so that a reader never sees half of
 * one.
 *
 * The header is padded so that the data begins at a multiple of 64, and every tensor is aligned to
 * its type by order: wider types first, then by name. */
#include "weights/stream.h"
#include "weights/weights_private.h"
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  const char *name;
  const EmTensor *tensor;
  EmDtype dtype; /* in the file */
  size_t bytes;
} Item;

static int
by_width_then_name (const void *a, const void *b)
{
  const Item *x = a, *y = b;
  size_t wx = em_dtype_bytes (x->dtype), wy = em_dtype_bytes (y->dtype);

  if (wx != wy)
    return wx > wy ? -1 : 1;
  return strcmp (x->name, y->name);
}

static json_t *
header_of (const Item *items, int n, const char *const *metadata, int n_metadata)
{
  json_t *header = json_object ();
  size_t at = 0;

  if (n_metadata) {
    json_t *strings = json_object ();

    for (int i = 0; i < n_metadata; i++)
      json_object_set_new (strings, metadata[2 * i], json_string (metadata[2 * i + 1]));
    json_object_set_new (header, "__metadata__", strings);
  }
  for (int i = 0; i < n; i++) {
    const EmTensor *t = items[i].tensor;
    json_t *shape = json_array ();

    for (int k = 0; k < t->ndim; k++)
      json_array_append_new (shape, json_integer (t->shape[k]));
    json_object_set_new (header, items[i].name,
                         json_pack ("{s:s,s:o,s:[I,I]}", "dtype", em_dtype_name (items[i].dtype),
                                    "shape", shape, "data_offsets", (json_int_t) at,
                                    (json_int_t) (at + items[i].bytes)));
    at += items[i].bytes;
  }
  return header;
}

static bool
write_bytes (void *self, const void *bytes, size_t n)
{
  return fwrite (bytes, 1, n, self) == n;
}

static bool
write_all (FILE *f, const char *text, const Item *items, int n, EmError *err)
{
  size_t length = strlen (text), padded = (length + 8 + 63) / 64 * 64 - 8;
  uint8_t head[8];

  for (int i = 0; i < 8; i++)
    head[i] = (uint8_t) ((uint64_t) padded >> (8 * i));
  if (fwrite (head, 1, 8, f) != 8 || fwrite (text, 1, length, f) != length)
    return false;
  for (size_t i = length; i < padded; i++)
    if (putc (' ', f) == EOF)
      return false;
  for (int i = 0; i < n; i++)
    if (!em_tensor_stream (items[i].tensor, items[i].dtype, items[i].name, write_bytes, f, err))
      return false;
  return fflush (f) == 0 && fsync (fileno (f)) == 0;
}

static bool
replace_file (const char *path, const char *text, const Item *items, int n, EmError *err)
{
  size_t length = strlen (path) + 16;
  char *beside = malloc (length);
  bool ok = false;

  if (!beside)
    return em_fail (err, EM_E_DEVICE, "%s: out of memory", path);
  snprintf (beside, length, "%s.%ld", path, (long) getpid ());

  FILE *f = fopen (beside, "wb");
  if (f) {
    ok = write_all (f, text, items, n, err);
    ok = fclose (f) == 0 && ok;
    ok = ok && rename (beside, path) == 0;
  }
  if (!ok) {
    em_fail (err, EM_E_INPUT, "%s: cannot be written: %s", path, strerror (errno));
    if (f)
      unlink (beside);
  }
  free (beside);
  return ok;
}

static Item
item_of (const char *name, const EmTensor *tensor, int dtype)
{
  EmDtype stored = em_stored_dtype (tensor, dtype);

  return (Item){ name, tensor, stored, em_numel (tensor) * em_dtype_bytes (stored) };
}

/* Takes `items` over. */
static bool
save (const char *path, Item *items, int n, const char *const *metadata, int n_metadata,
      EmError *err)
{
  json_t *header;
  char *text;
  bool ok = false;

  qsort (items, n, sizeof *items, by_width_then_name);
  header = header_of (items, n, metadata, n_metadata);
  text = json_dumps (header, JSON_COMPACT);
  if (text)
    ok = replace_file (path, text, items, n, err);
  else
    em_fail (err, EM_E_INPUT, "%s: a name or a metadata string is not UTF-8", path);
  free (text);
  json_decref (header);
  free (items);
  return ok;
}

bool
em_weights_save (const char *path, int n, const char *const *names, const EmTensor *tensors,
                 const char *const *metadata, int n_metadata, EmError *err)
{
  Item *items = calloc (n + 1, sizeof *items);

  if (!items)
    return em_fail (err, EM_E_DEVICE, "%s: out of memory", path);
  for (int i = 0; i < n; i++)
    items[i] = item_of (names[i], &tensors[i], -1);
  return save (path, items, n, metadata, n_metadata, err);
}

bool
em_weights_save_as (const EmWeights *w, int dtype, const char *path, const char *const *metadata,
                    int n_metadata, EmError *err)
{
  Item *items = calloc (w->n + 1, sizeof *items);

  if (!items)
    return em_fail (err, EM_E_DEVICE, "%s: out of memory", path);
  for (int i = 0; i < w->n; i++)
    items[i] = item_of (w->entries[i].name, &w->entries[i].tensor, dtype);
  return save (path, items, w->n, metadata, n_metadata, err);
}
