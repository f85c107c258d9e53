/* torch.c - pickled tensors over stored numbers, none of whose sizes is believed. */
#include "weights/torch.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "weights/pickle.h"
#include "weights/zip.h"

#define MAX_NAME     512
#define MAX_PICKLE   (16 << 20)
#define MAX_KEY      32
#define MAX_ELEMENTS ((int64_t) 1 << 48) /* times 8 bytes still fits an int64 */

/* What the format before zip begins with: a pickle of a number of its own, then one of 1001. */
static const uint8_t old_magic[]
    = { 0x80, 2,    0x8a, 10,  0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a,
        0xa8, 0x50, 0x19, '.', 0x80, 2,    'M',  0xe9, 3,    '.' };

/* A storage of the format before zip: where its numbers are shows only after the pickle. */
typedef struct {
  char key[MAX_KEY];
  const uint8_t *data;
  int64_t n; /* elements; -1 while nothing is known */
  EmPickleGlobal type;
} OldStorage;

typedef struct {
  EmWeights *w;
  EmError *err;
  const uint8_t *bytes;
  size_t n;
  EmPickle *pickle;
  EmZip *zip;            /* NULL: the format before it */
  char folder[MAX_NAME]; /* of the zip archive, with its slash */
  OldStorage *old;       /* by key */
  int n_old;
} Reader;

/* A tensor as it is pickled. */
typedef struct {
  EmTensor tensor; /* over the first of its numbers */
  int64_t strides[EM_MAX_DIMS];
  bool gather;
} View;

static bool
wrong (const Reader *r, const char *what)
{
  return em_fail (r->err, EM_E_WEIGHTS, "%s: %s", r->w->label, what);
}

static bool
wrong_tensor (const Reader *r, const char *name, const char *what)
{
  return em_fail (r->err, EM_E_WEIGHTS, "%s: %.200s %s", r->w->label, name, what);
}

bool
em_is_torch (const void *bytes, size_t n)
{
  const uint8_t *p = bytes;

  if (n >= 4 && (memcmp (p, "PK\3\4", 4) == 0 || memcmp (p, "PK\5\6", 4) == 0))
    return true;
  /* a pickle; the length of a safetensors header is never this large */
  return n >= 8 && p[0] == 0x80 && p[1] >= 2 && p[1] <= 5 && (p[5] || p[6] || p[7]);
}

static bool
dtype_of (EmPickleGlobal type, EmDtype *dtype)
{
  static const struct {
    EmPickleGlobal type;
    EmDtype dtype;
  } known[]
      = { { EM_GLOBAL_FLOAT, EM_F32 }, { EM_GLOBAL_BFLOAT16, EM_BF16 }, { EM_GLOBAL_HALF, EM_F16 },
          { EM_GLOBAL_INT, EM_I32 },   { EM_GLOBAL_LONG, EM_I64 },      { EM_GLOBAL_BYTE, EM_U8 } };

  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (known[i].type == type) {
      *dtype = known[i].dtype;
      return true;
    }
  return false;
}

static size_t
width_of (EmPickleGlobal type) /* bytes of an element */
{
  switch (type) {
  case EM_GLOBAL_DOUBLE:
  case EM_GLOBAL_LONG:
    return 8;
  case EM_GLOBAL_FLOAT:
  case EM_GLOBAL_INT:
    return 4;
  case EM_GLOBAL_HALF:
  case EM_GLOBAL_BFLOAT16:
  case EM_GLOBAL_SHORT:
    return 2;
  default:
    return 1;
  }
}

/* ('storage', type, key, place, number of elements[, None]); the key as text of its own. */
static bool
parse_storage (const Reader *r, const EmPickleValue *v, const char *name, OldStorage *s)
{
  const EmPickleValue *word = em_pickle_item (v, 0), *type = em_pickle_item (v, 1);
  const EmPickleValue *key = em_pickle_item (v, 2), *n = em_pickle_item (v, 4);
  const EmPickleValue *view = em_pickle_item (v, 5);

  if (v->kind != EM_PICKLE_STORED || !word || word->kind != EM_PICKLE_TEXT || word->length != 7
      || memcmp (word->text, "storage", 7) != 0 || !type || type->kind != EM_PICKLE_GLOBAL
      || type->global < EM_GLOBAL_STORAGE || !key || key->kind != EM_PICKLE_TEXT || !n
      || n->kind != EM_PICKLE_INT)
    return wrong_tensor (r, name, "does not say where its numbers are");
  if (view && view->kind != EM_PICKLE_NONE)
    return wrong_tensor (r, name, "lies in a part of a storage: save it again with PyTorch");
  if (key->length == 0 || key->length >= MAX_KEY || memchr (key->text, 0, key->length))
    return wrong_tensor (r, name, "names its storage in no way that PyTorch does");
  if (n->i < 0 || n->i > MAX_ELEMENTS)
    return wrong_tensor (r, name, "has a storage of an impossible size");
  memcpy (s->key, key->text, key->length);
  s->key[key->length] = 0;
  s->n = n->i;
  s->type = type->global;
  s->data = NULL;
  return true;
}

static int
by_key (const void *a, const void *b)
{
  return strcmp (((const OldStorage *) a)->key, ((const OldStorage *) b)->key);
}

/* Finds the numbers of a storage: as many as it says, no more and no less. */
static bool
find_numbers (const Reader *r, const char *name, OldStorage *s)
{
  char path[MAX_NAME + MAX_KEY + 8];
  const EmZipMember *member;

  if (!r->zip) {
    const OldStorage *old = bsearch (s, r->old, r->n_old, sizeof *s, by_key);

    if (!old || old->n != s->n || width_of (old->type) != width_of (s->type))
      return wrong_tensor (r, name, "has a storage that is not in the file");
    s->data = old->data;
    return true;
  }
  snprintf (path, sizeof path, "%sdata/%s", r->folder, s->key);
  if (!(member = em_zip_find (r->zip, path)))
    return em_fail (r->err, EM_E_WEIGHTS, "%s: %.200s has its numbers in %.80s, which is missing",
                    r->w->label, name, path);
  if (member->n != (uint64_t) s->n * width_of (s->type))
    return em_fail (r->err, EM_E_WEIGHTS,
                    "%s: %.200s: its storage %.80s has %zu bytes, not those of %" PRId64
                    " numbers of %s",
                    r->w->label, name, path, member->n, s->n, em_pickle_global_name (s->type));
  s->data = member->data;
  return true;
}

/* Whole numbers of a tuple, none negative. */
static bool
parse_row (const Reader *r, const char *name, const EmPickleValue *v, const char *what, int n,
           int64_t *out)
{
  char text[64];

  if (!v || v->kind != EM_PICKLE_TUPLE || v->n != n) {
    snprintf (text, sizeof text, "has a %s that is no row of %d numbers", what, n);
    return wrong_tensor (r, name, text);
  }
  for (int i = 0; i < n; i++) {
    const EmPickleValue *x = em_pickle_item (v, i);

    if (x->kind != EM_PICKLE_INT || x->i < 0 || x->i > MAX_ELEMENTS) {
      snprintf (text, sizeof text, "has an impossible %s", what);
      return wrong_tensor (r, name, text);
    }
    out[i] = x->i;
  }
  return true;
}

/* The product of all sides, or -1 if it is too large. */
static int64_t
count_elements (const EmTensor *t)
{
  int64_t n = 1;

  for (int i = 0; i < t->ndim; i++) {
    if (n && t->shape[i] > MAX_ELEMENTS / n)
      return -1;
    n *= t->shape[i];
  }
  return n;
}

/* Whether the tensor's elements all lie in [0, n) of its storage, and whether they lie in order. */
static bool
check_place (const Reader *r, const char *name, View *v, int64_t offset, int64_t n)
{
  int64_t n_elements = count_elements (&v->tensor), last = offset, step = 1;

  if (n_elements < 0)
    return wrong_tensor (r, name, "has an impossible shape");
  if (n_elements == 0)
    return true;
  if (n_elements > n)
    return wrong_tensor (r, name, "has more elements than its storage");
  for (int i = v->tensor.ndim; i-- > 0;) {
    int64_t reach = v->tensor.shape[i] - 1;

    v->gather |= reach > 0 && v->strides[i] != step;
    step *= v->tensor.shape[i];
    if (reach && v->strides[i] > (MAX_ELEMENTS - 1) / reach)
      return wrong_tensor (r, name, "reaches out of its storage");
    last += reach * v->strides[i]; /* at most 2^48 for the offset and each side: no overflow */
  }
  return last < n || wrong_tensor (r, name, "reaches out of its storage");
}

static bool
parse_tensor (const Reader *r, const char *name, const EmPickleValue *call, View *v)
{
  const EmPickleValue *storage, *offset, *size;
  OldStorage s;
  EmDtype dtype;

  *v = (View){ 0 };
  if (call->global == EM_GLOBAL_REBUILD_PARAMETER)
    call = em_pickle_item (call, 0);
  if (!call || call->kind != EM_PICKLE_CALL || call->global == EM_GLOBAL_REBUILD_PARAMETER
      || call->n < 4)
    return wrong_tensor (r, name, "is no tensor");
  storage = em_pickle_item (call, 0);
  offset = em_pickle_item (call, 1);
  size = em_pickle_item (call, 2);
  if (!parse_storage (r, storage, name, &s))
    return false;
  if (!dtype_of (s.type, &dtype))
    return em_fail (r->err, EM_E_WEIGHTS, "%s: %.200s is of %s, which is not supported",
                    r->w->label, name, em_pickle_global_name (s.type));
  if (size->kind != EM_PICKLE_TUPLE)
    return wrong_tensor (r, name, "has a shape that is no tuple");
  if (size->n > EM_MAX_DIMS)
    return em_fail (r->err, EM_E_WEIGHTS, "%s: %.200s has %d dimensions, at most %d are supported",
                    r->w->label, name, size->n, EM_MAX_DIMS);
  v->tensor = em_tensor_of (dtype, NULL, 0, NULL);
  v->tensor.ndim = size->n;
  if (!parse_row (r, name, size, "shape", v->tensor.ndim, v->tensor.shape)
      || !parse_row (r, name, em_pickle_item (call, 3), "stride", v->tensor.ndim, v->strides))
    return false;
  if (offset->kind != EM_PICKLE_INT || offset->i < 0 || offset->i > s.n)
    return wrong_tensor (r, name, "begins outside of its storage");
  if (!check_place (r, name, v, offset->i, s.n) || !find_numbers (r, name, &s))
    return false;
  v->tensor.data = (void *) (s.data + offset->i * em_dtype_bytes (dtype)); /* never written */
  v->gather |= (uintptr_t) v->tensor.data % em_dtype_bytes (dtype) != 0;
  return true;
}

static void
gather (uint8_t *out, const View *v)
{
  const EmTensor *t = &v->tensor;
  size_t width = em_dtype_bytes (t->dtype);
  int64_t n = em_numel (t), index[EM_MAX_DIMS] = { 0 }, at = 0;

  for (int64_t i = 0; i < n; i++) {
    memcpy (out + i * width, (const uint8_t *) t->data + at * width, width);
    for (int k = t->ndim; k-- > 0;) {
      at += v->strides[k];
      if (++index[k] < t->shape[k])
        break;
      at -= index[k] * v->strides[k];
      index[k] = 0;
    }
  }
}

/* Room for all that is gathered. Views of one storage could ask for it many times over. */
static bool
make_room (const Reader *r, const View *views, int n)
{
  size_t bytes = 0;

  for (int i = 0; i < n; i++)
    if (views[i].gather) {
      size_t more = em_numel (&views[i].tensor) * em_dtype_bytes (views[i].tensor.dtype);

      if (more > r->n - (bytes < r->n ? bytes : r->n))
        return wrong (r, "its tensors ask for more memory than the file is long");
      bytes += (more + 7) / 8 * 8;
    }
  r->w->copies = malloc (bytes ? bytes : 1);
  return r->w->copies || em_fail (r->err, EM_E_DEVICE, "%s: out of memory", r->w->label);
}

static bool
is_tensor (const EmPickleValue *v)
{
  return v->kind == EM_PICKLE_CALL;
}

/* A key of the state dictionary with its NUL. */
static bool
name_of (const Reader *r, const EmPickleValue *key, char *name)
{
  if (key->kind != EM_PICKLE_TEXT || key->length == 0 || key->length > MAX_NAME
      || memchr (key->text, 0, key->length))
    return wrong (r, "a tensor without a sensible name");
  memcpy (name, key->text, key->length);
  name[key->length] = 0;
  return true;
}

static bool
read_tensors (const Reader *r, const EmPickleValue *dict)
{
  View *views = calloc (dict->n / 2 + 1, sizeof *views);
  bool ok = views || em_fail (r->err, EM_E_DEVICE, "%s: out of memory", r->w->label);
  char name[MAX_NAME + 1];
  int n = 0;
  size_t at = 0;

  for (const EmPickleItem *k = dict->first; ok && k; k = k->next->next)
    if (is_tensor (k->next->value))
      ok = name_of (r, k->value, name) && parse_tensor (r, name, k->next->value, &views[n++]);
  ok = ok && (n > 0 || wrong (r, "the checkpoint holds no tensors by name"))
       && make_room (r, views, n);
  n = 0;
  for (const EmPickleItem *k = dict->first; ok && k; k = k->next->next)
    if (is_tensor (k->next->value)) {
      View *v = &views[n++];

      if (v->gather) {
        uint8_t *copy = (uint8_t *) r->w->copies + at;

        gather (copy, v);
        v->tensor.data = copy;
        at += (em_numel (&v->tensor) * em_dtype_bytes (v->tensor.dtype) + 7) / 8 * 8;
      }
      ok = name_of (r, k->value, name) && em_weights_add (r->w, name, &v->tensor, r->err);
    }
  free (views);
  return ok && em_weights_seal (r->w, r->err);
}

/* The dictionary of tensors, which many put into another one. */
static const EmPickleValue *
find_state (const Reader *r)
{
  static const char *const keys[] = { "model", "state_dict", "model_state_dict" };
  const EmPickleValue *root = em_pickle_root (r->pickle);

  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const EmPickleValue *v = em_pickle_get (root, keys[i]);

    if (v && v->kind == EM_PICKLE_DICT)
      return v;
  }
  if (root->kind == EM_PICKLE_DICT)
    return root;
  wrong (r, "the checkpoint is no dictionary of tensors");
  return NULL;
}

/* FOLDER/data.pkl; there is exactly one folder at the top. */
static const EmZipMember *
find_pickle (Reader *r)
{
  for (int i = 0; i < em_zip_count (r->zip); i++) {
    const EmZipMember *m = em_zip_member (r->zip, i);
    const char *slash = strchr (m->name, '/');

    if (!slash || strcmp (slash, "/data.pkl") != 0)
      continue;
    snprintf (r->folder, sizeof r->folder, "%.*s", (int) (slash + 1 - m->name), m->name);
    return m;
  }
  wrong (r, "a zip archive without a data.pkl: PyTorch did not write it");
  return NULL;
}

static bool
check_byte_order (const Reader *r)
{
  char path[MAX_NAME + 16];
  const EmZipMember *m;

  snprintf (path, sizeof path, "%sbyteorder", r->folder);
  m = em_zip_find (r->zip, path);
  return !m || (m->n == 6 && memcmp (m->data, "little", 6) == 0)
         || wrong (r, "the checkpoint has another byte order than little endian");
}

static bool
read_zip (Reader *r)
{
  const EmZipMember *pickle;
  size_t used;

  return (r->zip = em_zip_open (r->bytes, r->n, r->w->label, r->err)) && (pickle = find_pickle (r))
         && check_byte_order (r)
         && (pickle->n <= MAX_PICKLE || wrong (r, "the pickle of the checkpoint is enormous"))
         && (r->pickle = em_pickle_read (pickle->data, pickle->n, &used, r->w->label, r->err));
}

/* Every storage that a tensor of the state dictionary lies in, by key; each once. */
static bool
list_old_storages (Reader *r, const EmPickleValue *keys)
{
  int n = 0;

  if (keys->kind != EM_PICKLE_LIST)
    return wrong (r, "the list of storages is missing");
  if (!(r->old = calloc (keys->n + 1, sizeof *r->old)))
    return em_fail (r->err, EM_E_DEVICE, "%s: out of memory", r->w->label);
  for (const EmPickleItem *k = keys->first; k; k = k->next, n++) {
    if (k->value->kind != EM_PICKLE_TEXT || k->value->length == 0 || k->value->length >= MAX_KEY
        || memchr (k->value->text, 0, k->value->length))
      return wrong (r, "a storage has an impossible key");
    memcpy (r->old[n].key, k->value->text, k->value->length);
    r->old[n].n = -1;
  }
  r->n_old = n;
  if (n)
    qsort (r->old, n, sizeof *r->old, by_key);
  for (int i = 1; i < n; i++)
    if (by_key (&r->old[i - 1], &r->old[i]) == 0)
      return wrong (r, "two storages have the same key");
  return true;
}

/* What the tensors say of their storages: their numbers follow each other without a type. */
static bool
learn_old_types (Reader *r)
{
  const EmPickleItem *s = em_pickle_stored (r->pickle);

  for (; s; s = s->next) {
    OldStorage said, *old;

    if (!parse_storage (r, s->value, "a tensor", &said))
      return false;
    old = bsearch (&said, r->old, r->n_old, sizeof said, by_key);
    if (!old || (old->n >= 0 && (old->n != said.n || old->type != said.type)))
      return wrong (r, "a tensor lies in a storage that the file does not list");
    *old = said;
  }
  return true;
}

/* The storages in the order of the list: a count of elements, then these. */
static bool
place_old_storages (Reader *r, const EmPickleValue *keys, size_t at)
{
  for (const EmPickleItem *k = keys->first; k; k = k->next) {
    OldStorage key = { "" }, *old;
    uint64_t n = 0, bytes;

    memcpy (key.key, k->value->text, k->value->length);
    old = bsearch (&key, r->old, r->n_old, sizeof key, by_key);
    if (r->n - at < 8)
      return wrong (r, "the checkpoint is cut off");
    for (int i = 8; i-- > 0;)
      n = n << 8 | r->bytes[at + i];
    at += 8;
    if (old->n < 0)
      return wrong (r, "a storage that no tensor describes");
    if (n != (uint64_t) old->n)
      return wrong (r, "a storage has another size than its tensors say");
    bytes = n * width_of (old->type);
    if (bytes > r->n - at)
      return wrong (r, "the checkpoint is cut off");
    old->data = r->bytes + at;
    at += bytes;
  }
  return at == r->n || wrong (r, "there are bytes behind the last storage");
}

/* Reads one pickle at *at and moves on. */
static EmPickle *
next_pickle (const Reader *r, size_t *at)
{
  size_t left = r->n - *at, used;
  EmPickle *p = em_pickle_read (r->bytes + *at, left < MAX_PICKLE ? left : MAX_PICKLE, &used,
                                r->w->label, r->err);

  if (p)
    *at += used;
  return p;
}

static bool
read_old (Reader *r)
{
  EmPickle *system, *keys = NULL;
  size_t at = sizeof old_magic;
  const EmPickleValue *little;
  bool ok;

  if (r->n < sizeof old_magic || memcmp (r->bytes, old_magic, sizeof old_magic) != 0)
    return wrong (r, "a Python pickle, but no checkpoint of PyTorch");
  if (!(system = next_pickle (r, &at)))
    return false;
  little = em_pickle_get (em_pickle_root (system), "little_endian");
  ok = (little && little->kind == EM_PICKLE_BOOL && little->i)
       || wrong (r, "the checkpoint has another byte order than little endian");
  em_pickle_free (system);
  ok = ok && (r->pickle = next_pickle (r, &at)) && (keys = next_pickle (r, &at))
       && list_old_storages (r, em_pickle_root (keys)) && learn_old_types (r)
       && place_old_storages (r, em_pickle_root (keys), at);
  em_pickle_free (keys);
  return ok;
}

bool
em_torch_read (EmWeights *w, const void *bytes, size_t n, EmError *err)
{
  Reader r = { .w = w, .err = err, .bytes = bytes, .n = n };
  const EmPickleValue *state;
  bool ok = n >= 2 && memcmp (bytes, "PK", 2) == 0 ? read_zip (&r) : read_old (&r);

  ok = ok && (state = find_state (&r)) && read_tensors (&r, state);
  em_pickle_free (r.pickle);
  em_zip_close (r.zip);
  free (r.old);
  return ok;
}
