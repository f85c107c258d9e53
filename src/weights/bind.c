/* bind.c - one walk, three uses. A loading walk first collects what every field wants, so that one
 * block takes all conversions; fields are set when it ends. */
#include "weights/bind.h"
#include "weights/weights_private.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NAME 256

typedef struct {
  EmTensor **field;
  const EmTensor *source;
  EmDtype dtype; /* that it gets */
} Wish;

struct EmBinder {
  EmListFn fn; /* listing if set, loading else */
  void *self;
  EmWeights *w;
  EmBackend *be;
  bool exact; /* what is wished for now stays f32 */
  EmError err;
  Wish *wishes;
  int n, capacity;
  size_t n_prefix;
  char prefix[MAX_NAME];
};

struct EmBound {
  EmBackend *be;
  EmTensor *tensors;
  int n_held; /* of tensors: promised to the backend */
  void *memory;
  size_t n_memory;
};

static EmBinder *
new_binder (void)
{
  EmBinder *b = calloc (1, sizeof *b);

  EM_BUG_UNLESS (b); /* half a kilobyte: nothing would work after this */
  return b;
}

EmBinder *
em_binder_new_list (EmListFn fn, void *self)
{
  EmBinder *b = new_binder ();

  b->fn = fn;
  b->self = self;
  return b;
}

EmBinder *
em_binder_new_load (EmWeights *w, EmBackend *be)
{
  EmBinder *b = new_binder ();

  b->w = w;
  b->be = be;
  return b;
}

size_t
em_bind_enter (EmBinder *b, const char *format, ...)
{
  size_t mark = b->n_prefix;
  va_list args;

  va_start (args, format);
  int n = vsnprintf (b->prefix + mark, sizeof b->prefix - mark, format, args);
  va_end (args);
  EM_BUG_UNLESS (n >= 0 && (size_t) n < sizeof b->prefix - mark);
  b->n_prefix = mark + n;
  return mark;
}

void
em_bind_leave (EmBinder *b, size_t mark)
{
  b->prefix[mark] = 0;
  b->n_prefix = mark;
}

static bool
shape_is (const EmTensor *t, int ndim, const int64_t *shape)
{
  bool same = t->ndim == ndim;

  for (int i = 0; same && i < ndim; i++)
    same = t->shape[i] == shape[i];
  return same;
}

static bool
is_float (EmDtype dtype)
{
  return dtype == EM_F32 || dtype == EM_BF16 || dtype == EM_F16;
}

static void
wish (EmBinder *b, EmTensor **field, const EmTensor *source)
{
  if (b->n == b->capacity) {
    int capacity = b->capacity ? 2 * b->capacity : 256;
    Wish *wishes = realloc (b->wishes, capacity * sizeof *wishes);

    if (!wishes) {
      em_fail (&b->err, EM_E_MEMORY, "out of memory");
      return;
    }
    b->wishes = wishes;
    b->capacity = capacity;
  }
  b->wishes[b->n++] = (Wish){ field, source, b->exact ? EM_F32 : b->be->compute };
}

void
em_bind_tensor (EmBinder *b, EmTensor **field, const char *name, EmBindNeed need, int ndim,
                const int64_t *shape)
{
  char full[2 * MAX_NAME];

  EM_BUG_UNLESS (ndim <= EM_MAX_DIMS && (need == EM_BIND_DEAD) == !field);
  if (field)
    *field = NULL;
  if (b->err.code != EM_OK)
    return;
  snprintf (full, sizeof full, "%s%s", b->prefix, name);
  if (b->fn) {
    b->fn (b->self, full, ndim, shape, need);
    return;
  }
  if (need == EM_BIND_DEAD)
    return;

  const EmTensor *source = em_weights_find (b->w, full);
  if (!source) {
    if (need == EM_BIND_REQUIRED)
      em_fail (&b->err, EM_E_WEIGHTS, "%s: %s is missing: this is not a complete package",
               b->w->label, full);
    return;
  }
  if (!shape_is (source, ndim, shape)) {
    char is[128], expected[128];
    EmTensor want = em_tensor_of (EM_F32, NULL, ndim, shape);

    em_fail (&b->err, EM_E_WEIGHTS,
             "%s: %s is %s, expected %s: these are not the weights that the configuration "
             "describes",
             b->w->label, full, em_shape_text (source, is, sizeof is),
             em_shape_text (&want, expected, sizeof expected));
    return;
  }
  if (!is_float (source->dtype)) {
    em_fail (&b->err, EM_E_WEIGHTS, "%s: %s has type %s, expected a float type", b->w->label, full,
             em_dtype_name (source->dtype));
    return;
  }
  wish (b, field, source);
}

void
em_bind_exact_tensor (EmBinder *b, EmTensor **field, const char *name, int ndim,
                      const int64_t *shape)
{
  b->exact = true;
  em_bind_tensor (b, field, name, EM_BIND_REQUIRED, ndim, shape);
  b->exact = false;
}

void
em_bind_pair_of (EmBinder *b, EmPair *pair, const char *name, int ndim, const int64_t *shape)
{
  size_t mark = em_bind_enter (b, "%s", name);

  em_bind_tensor (b, &pair->w, ".weight", EM_BIND_REQUIRED, ndim, shape);
  em_bind (b, &pair->b, ".bias", shape[0]);
  em_bind_leave (b, mark);
}

void
em_bind_dead_pair_of (EmBinder *b, const char *name, int ndim, const int64_t *shape)
{
  size_t mark = em_bind_enter (b, "%s", name);

  em_bind_tensor (b, NULL, ".weight", EM_BIND_DEAD, ndim, shape);
  em_bind_dead (b, ".bias", shape[0]);
  em_bind_leave (b, mark);
}

void
em_bind_bytes (EmBinder *b, const EmTensor **field, const char *name)
{
  char full[2 * MAX_NAME];

  *field = NULL;
  if (b->err.code != EM_OK)
    return;
  snprintf (full, sizeof full, "%s%s", b->prefix, name);
  if (b->fn) {
    b->fn (b->self, full, 1, (int64_t[]){ 0 }, EM_BIND_BYTES);
    return;
  }
  *field = em_weights_find (b->w, full);
  if (!*field)
    em_fail (&b->err, EM_E_WEIGHTS, "%s: %s is missing: this is not a complete package",
             b->w->label, full);
  else if ((*field)->dtype != EM_U8 || (*field)->ndim != 1)
    em_fail (&b->err, EM_E_WEIGHTS, "%s: %s is no row of bytes (U8)", b->w->label, full);
}

static size_t
bytes_of (const EmTensor *t)
{
  return (size_t) em_numel (t) * em_dtype_bytes (t->dtype);
}

static size_t
room_for (const EmTensor *t)
{
  return (bytes_of (t) + 63) / 64 * 64;
}

static bool
is_mapped (const EmWeights *w, const void *data)
{
  const char *begin = w->mapping, *at = data;

  return begin && at >= begin && at < begin + w->n_mapping;
}

/* Weights that are there as they are wished for. */
static bool
stays (const EmBackend *be, const Wish *wish)
{
  return be->host_memory && wish->source->dtype == wish->dtype;
}

/* The source's bytes as the tensor's type, in `room`, which has space for both it and f32; the
 * source's own where that is what they are. */
static const void *
converted (const EmTensor *t, const EmTensor *source, float *room)
{
  int64_t n = em_numel (t);
  const float *wide = source->data;

  if (source->dtype == t->dtype)
    return source->data;
  if (source->dtype != EM_F32) {
    em_to_f32 (room, source->data, source->dtype, n);
    wide = room;
  }
  if (t->dtype == EM_F32)
    return wide;
  em_of_f32 (room, t->dtype, wide, n); /* narrower: never ahead of what is read */
  return room;
}

/* In the backend's memory and type; a package is mapped read-only and stays so. */
static bool
place (EmBinder *b, EmBound *bound)
{
  size_t largest = 0, at = 0;
  float *room = NULL;
  bool ok = true;

  for (int i = 0; i < b->n; i++) {
    EmTensor t = *b->wishes[i].source;

    if (stays (b->be, &b->wishes[i]))
      continue;
    t.dtype = b->wishes[i].dtype;
    bound->n_memory += room_for (&t);
    t.dtype = EM_F32;
    if (b->wishes[i].source->dtype != b->wishes[i].dtype && room_for (&t) > largest)
      largest = room_for (&t);
  }
  if (bound->n_memory && !(bound->memory = b->be->alloc (b->be, bound->n_memory)))
    return em_fail (&b->err, EM_E_MEMORY, "no room for %zu MB of weights on %s",
                    bound->n_memory >> 20, b->be->name);
  if (largest && !(room = malloc (largest)))
    return em_fail (&b->err, EM_E_MEMORY, "out of memory");

  for (int i = 0; ok && i < b->n; i++) {
    const EmTensor *s = b->wishes[i].source;
    EmTensor *t = &bound->tensors[i];

    *t = *s;
    *b->wishes[i].field = t;
    if (stays (b->be, &b->wishes[i]))
      continue;
    t->dtype = b->wishes[i].dtype;
    t->data = (char *) bound->memory + at;
    at += room_for (t);
    ok = b->be->upload (b->be, t->data, converted (t, s, room), bytes_of (t))
         || em_fail (&b->err, EM_E_DEVICE, "weights cannot be copied to %s", b->be->name);
  }
  free (room);
  for (; ok && bound->n_held < b->n; bound->n_held++) {
    const EmTensor *t = &bound->tensors[bound->n_held];

    b->be->hold (b->be, t->data, bytes_of (t), is_mapped (b->w, t->data));
  }
  return ok;
}

bool
em_binder_finish (EmBinder *b, EmBound **bound, EmError *err)
{
  bool ok = b->err.code == EM_OK;

  if (!b->fn && ok) {
    EmBound *made = calloc (1, sizeof *made);

    ok = (made && (made->tensors = calloc (b->n + 1, sizeof *made->tensors)))
         || em_fail (&b->err, EM_E_MEMORY, "out of memory");
    if (ok) {
      made->be = b->be;
      ok = place (b, made);
    }
    if (ok) {
      *bound = made;
    } else {
      em_bound_free (made);
    }
  }
  if (!ok)
    em_fail (err, b->err.code, "%s", b->err.text);
  free (b->wishes);
  free (b);
  return ok;
}

void
em_bound_free (EmBound *bound)
{
  if (!bound)
    return;
  for (int i = 0; i < bound->n_held; i++)
    bound->be->let_go (bound->be, bound->tensors[i].data, bytes_of (&bound->tensors[i]));
  if (bound->memory)
    bound->be->free (bound->be, bound->memory, bound->n_memory);
  free (bound->tensors);
  free (bound);
}
