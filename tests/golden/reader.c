/* reader.c - the few functions of weights.h that goldens need. */
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "weights/weights.h"

struct EmWeights {
  json_t *header;
  int n;
  const char **names;
  EmTensor *tensors;
};

EmWeights *
em_weights_open (const char *path, EmError *err)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  struct stat st;
  uint64_t length;
  json_t *root, *item;
  const char *name, *base;
  EmWeights *w;

  if (fd < 0 || fstat (fd, &st) || st.st_size < 8) {
    em_fail (err, EM_E_INPUT, "%s: cannot be read", path);
    if (fd >= 0)
      close (fd);
    return NULL;
  }
  base = mmap (NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  close (fd);
  memcpy (&length, base, 8);
  root = length <= (uint64_t) st.st_size - 8 ? json_loadb (base + 8, length, 0, NULL) : NULL;
  if (!root) {
    em_fail (err, EM_E_WEIGHTS, "%s: not a safetensors file", path);
    return NULL;
  }
  w = calloc (1, sizeof *w);
  w->header = root;
  w->names = calloc (json_object_size (root), sizeof *w->names);
  w->tensors = calloc (json_object_size (root), sizeof *w->tensors);
  json_object_foreach (root, name, item)
  {
    json_t *shape = json_object_get (item, "shape");
    EmTensor *t = &w->tensors[w->n];

    if (!strcmp (name, "__metadata__"))
      continue;
    w->names[w->n++] = name;
    t->ndim = (int) json_array_size (shape);
    for (int i = 0; i < EM_MAX_DIMS; i++)
      t->shape[i] = i < t->ndim ? json_integer_value (json_array_get (shape, i)) : 1;
    t->data = (void *) (base + 8 + length
                        + json_integer_value (
                            json_array_get (json_object_get (item, "data_offsets"), 0)));
  }
  return w;
}

void
em_weights_close (EmWeights *w)
{
  if (!w)
    return;
  json_decref (w->header);
  free (w->names);
  free (w->tensors);
  free (w);
}

int
em_weights_count (const EmWeights *w)
{
  return w->n;
}

const char *
em_weights_name (const EmWeights *w, int i)
{
  return w->names[i];
}

const EmTensor *
em_weights_find (const EmWeights *w, const char *name)
{
  for (int i = 0; i < w->n; i++)
    if (!strcmp (w->names[i], name))
      return &w->tensors[i];
  return NULL;
}

const char *
em_weights_metadata (const EmWeights *w, const char *key)
{
  return json_string_value (json_object_get (json_object_get (w->header, "__metadata__"), key));
}

EmWeights *
em_weights_open_tensors (int n, const char *const *names, const EmTensor *tensors,
                         const char *config, EmError *err)
{
  EmWeights *w = calloc (1, sizeof *w);

  w->header = json_object ();
  w->n = n;
  w->names = malloc (sizeof *names * n);
  w->tensors = malloc (sizeof *tensors * n);
  memcpy (w->names, names, sizeof *names * n);
  memcpy (w->tensors, tensors, sizeof *tensors * n);
  return w;
}

size_t
em_dtype_bytes (EmDtype dtype)
{
  return dtype == EM_I32 || dtype == EM_F32 ? 4 : 2;
}

void
em_to_f32 (float *out, const void *in, EmDtype dtype, int64_t n)
{
  EM_BUG_UNLESS (dtype == EM_F32);
  memcpy (out, in, sizeof *out * n);
}

EmTensor
em_tensor_of (EmDtype dtype, void *data, int ndim, const int64_t *shape)
{
  EmTensor t = { dtype, ndim, { 1, 1, 1, 1, 1 }, data };

  memcpy (t.shape, shape, sizeof *shape * ndim);
  return t;
}
