/* weights.c - named tensors, found by bisection, and their digest. */
#include "weights/stream.h"
#include "weights/torch.h"
#include "weights/weights_private.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_TENSORS 65536 /* ten times the largest package */
#define MAX_LABEL   160

EmWeights *
em_weights_new (const char *path)
{
  EmWeights *w = calloc (1, sizeof *w);
  size_t length = strlen (path);

  if (w && !(w->path = strdup (path))) {
    free (w);
    return NULL;
  }
  if (w)
    w->label = w->path + (length > MAX_LABEL ? length - MAX_LABEL : 0);
  return w;
}

/* Room for one more after `n`, doubling; NULL if memory is out, the old block then still there. */
static void *
grow (void *block, int n, size_t size)
{
  if (n & (n - 1)) /* capacity is the next power of two */
    return block;
  return realloc (block, (n ? 2 * (size_t) n : 1) * size);
}

bool
em_weights_add (EmWeights *w, const char *name, const EmTensor *tensor, EmError *err)
{
  EmNamedTensor *entries = grow (w->entries, w->n, sizeof *entries);

  if (!entries)
    return em_fail (err, EM_E_DEVICE, "%s: out of memory", w->label);
  w->entries = entries;
  if (w->n >= MAX_TENSORS)
    return em_fail (err, EM_E_WEIGHTS, "%s: more than %d tensors", w->label, MAX_TENSORS);
  entries[w->n].tensor = *tensor;
  if (!(entries[w->n].name = strdup (name)))
    return em_fail (err, EM_E_DEVICE, "%s: out of memory", w->label);
  w->n++;
  return true;
}

bool
em_weights_add_metadata (EmWeights *w, const char *key, const char *value, EmError *err)
{
  char **pairs = grow (w->metadata, w->n_metadata, 2 * sizeof *pairs);

  if (!pairs)
    return em_fail (err, EM_E_DEVICE, "%s: out of memory", w->label);
  w->metadata = pairs;
  pairs[2 * w->n_metadata] = strdup (key);
  pairs[2 * w->n_metadata + 1] = strdup (value);
  w->n_metadata++; /* close frees what is there */
  if (!pairs[2 * w->n_metadata - 2] || !pairs[2 * w->n_metadata - 1])
    return em_fail (err, EM_E_DEVICE, "%s: out of memory", w->label);
  return true;
}

static int
by_name (const void *a, const void *b)
{
  return strcmp (((const EmNamedTensor *) a)->name, ((const EmNamedTensor *) b)->name);
}

bool
em_weights_seal (EmWeights *w, EmError *err)
{
  if (w->n)
    qsort (w->entries, w->n, sizeof *w->entries, by_name);
  for (int i = 1; i < w->n; i++)
    if (strcmp (w->entries[i - 1].name, w->entries[i].name) == 0)
      return em_fail (err, EM_E_WEIGHTS, "%s: tensor %.200s comes twice", w->label,
                      w->entries[i].name);
  return true;
}

EmWeights *
em_weights_open_bytes (const void *bytes, size_t n, const char *name, EmError *err)
{
  EmWeights *w = em_weights_new (name);

  if (!w) {
    em_fail (err, EM_E_DEVICE, "%s: out of memory", name);
    return NULL;
  }
  if (!(em_is_torch (bytes, n) ? em_torch_read (w, bytes, n, err)
                               : em_safetensors_read (w, bytes, n, err))) {
    em_weights_close (w);
    return NULL;
  }
  return w;
}

EmWeights *
em_weights_open_tensors (int n, const char *const *names, const EmTensor *tensors,
                         const char *config, EmError *err)
{
  EmWeights *w = em_weights_new ("weights in memory");
  bool ok = w || em_fail (err, EM_E_DEVICE, "out of memory");

  for (int i = 0; ok && i < n; i++)
    ok = em_weights_add (w, names[i], &tensors[i], err);
  if (ok && config)
    ok = em_weights_add_metadata (w, "earmark.config", config, err);
  if (ok && em_weights_seal (w, err))
    return w;
  em_weights_close (w);
  return NULL;
}

/* The bytes of a regular file, mapped; NULL with *err. */
static void *
map_file (const char *path, size_t *n, EmError *err)
{
  struct stat st;
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  void *bytes = MAP_FAILED;

  if (fd < 0 || fstat (fd, &st) < 0)
    em_fail (err, EM_E_INPUT, "%s: %s", path, strerror (errno));
  else if (!S_ISREG (st.st_mode))
    em_fail (err, EM_E_INPUT, "%s: not a file", path);
  else if (st.st_size == 0)
    em_fail (err, EM_E_WEIGHTS, "%s: the file is empty", path);
  else if ((bytes = mmap (NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
    em_fail (err, EM_E_INPUT, "%s: cannot be mapped: %s", path, strerror (errno));
  else
    *n = st.st_size;
  if (fd >= 0)
    close (fd);
  return bytes == MAP_FAILED ? NULL : bytes;
}

EmWeights *
em_weights_open (const char *path, EmError *err)
{
  size_t n;
  void *bytes = map_file (path, &n, err);
  EmWeights *w = bytes ? em_weights_open_bytes (bytes, n, path, err) : NULL;

  if (w) {
    w->mapping = bytes;
    w->n_mapping = n;
  } else if (bytes) {
    munmap (bytes, n);
  }
  return w;
}

void
em_weights_close (EmWeights *w)
{
  if (!w)
    return;
  for (int i = 0; i < w->n; i++)
    free (w->entries[i].name);
  for (int i = 0; i < 2 * w->n_metadata; i++)
    free (w->metadata[i]);
  free (w->entries);
  free (w->metadata);
  free (w->copies);
  if (w->mapping)
    munmap (w->mapping, w->n_mapping);
  free (w->path);
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
  EM_BUG_UNLESS (i >= 0 && i < w->n);
  return w->entries[i].name;
}

const EmTensor *
em_weights_find (const EmWeights *w, const char *name)
{
  int low = 0, high = w->n;

  while (low < high) {
    int middle = low + (high - low) / 2;
    int order = strcmp (name, w->entries[middle].name);

    if (order == 0)
      return &w->entries[middle].tensor;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

const char *
em_weights_metadata (const EmWeights *w, const char *key)
{
  for (int i = 0; i < w->n_metadata; i++)
    if (strcmp (w->metadata[2 * i], key) == 0)
      return w->metadata[2 * i + 1];
  return NULL;
}

const char *
em_weights_path (const EmWeights *w)
{
  return w->path;
}

static bool
digest_bytes (void *self, const void *bytes, size_t n)
{
  em_sha256_update (self, bytes, n);
  return true;
}

/* Per tensor: name, type and shape ("[2, 3]") as text, each with its NUL, then the bytes. */
bool
em_weights_digest_as (const EmWeights *w, int dtype, char digest[65], EmError *err)
{
  EmSha256 sha;

  em_sha256_init (&sha);
  for (int i = 0; i < w->n; i++) {
    const EmTensor *t = &w->entries[i].tensor;
    EmDtype stored = em_stored_dtype (t, dtype);
    const char *type = em_dtype_name (stored);
    char shape[128];

    em_shape_text (t, shape, sizeof shape);
    em_sha256_update (&sha, w->entries[i].name, strlen (w->entries[i].name) + 1);
    em_sha256_update (&sha, type, strlen (type) + 1);
    em_sha256_update (&sha, shape, strlen (shape) + 1);
    if (!em_tensor_stream (t, stored, w->entries[i].name, digest_bytes, &sha, err))
      return false;
  }
  em_sha256_finish (&sha, digest);
  return true;
}

const char *
em_weights_digest (EmWeights *w)
{
  if (!w->digest[0])
    em_weights_digest_as (w, -1, w->digest, NULL);
  return w->digest;
}
