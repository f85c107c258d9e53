/* import.c - what each file is, and all of them as one package. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/json.h"
#include "models/family.h"
#include "models/import_private.h"
#include "models/model.h"

#define MAX_LABEL  120
#define MAX_SOURCE 16

EmImport *
em_import_new (void)
{
  EmImport *im = calloc (1, sizeof *im);

  EM_BUG_UNLESS (im && (im->config = json_object ()));
  return im;
}

void
em_import_free (EmImport *im)
{
  if (!im)
    return;
  em_weights_close (im->package);
  em_weights_close (im->joined);
  for (int i = 0; i < im->n; i++)
    free (im->tensors[i].name);
  for (int i = 0; i < im->n_sources; i++) {
    em_weights_close (im->sources[i].weights);
    free (im->sources[i].path);
  }
  em_package_names_clear (&im->unexpected);
  json_decref (im->config);
  json_decref (im->hf_sam2);
  free (im->tensors);
  free (im->sources);
  free (im);
}

void
em_import_report_clear (EmImportReport *report)
{
  em_package_report_clear (&report->package);
  em_package_names_clear (&report->unexpected);
}

void
em_import_take (EmImport *im, int source, const char *name, const EmTensor *tensor)
{
  if ((im->n & (im->n - 1)) == 0) { /* capacity is the next power of two */
    im->tensors = realloc (im->tensors, (im->n ? 2 * im->n : 1) * sizeof *im->tensors);
    EM_BUG_UNLESS (im->tensors);
  }
  im->tensors[im->n] = (EmImportTensor){ strdup (name), *tensor, source };
  EM_BUG_UNLESS (im->tensors[im->n++].name);
}

/* The numbers in place of the '#' of `from`, the rest in place of its '*'. */
typedef struct {
  const char *at[4], *rest;
  int length[4], n;
} Captures;

static bool
match (const char *from, const char *name, Captures *c)
{
  *c = (Captures){ 0 };
  for (; *from; from++) {
    if (*from == '*') {
      c->rest = name;
      return *name != 0;
    }
    if (*from != '#') {
      if (*name++ != *from)
        return false;
      continue;
    }
    int length = (int) strspn (name, "0123456789");
    if (length == 0 || c->n == 4)
      return false;
    c->at[c->n] = name;
    c->length[c->n++] = length;
    name += length;
  }
  return *name == 0;
}

bool
em_import_rename (const EmRename *table, const char *prefix, const char *name, char *out,
                  size_t bytes)
{
  Captures c;
  int number = 0;
  size_t n;

  while (table->from && !match (table->from, name, &c))
    table++;
  if (!table->from)
    return false;
  n = (size_t) snprintf (out, bytes, "%s", prefix);
  for (const char *to = table->to; *to && n < bytes; to++) {
    if (*to == '#' && number < c.n) {
      n += (size_t) snprintf (out + n, bytes - n, "%.*s", c.length[number], c.at[number]);
      number++;
    } else if (*to == '*') {
      n += (size_t) snprintf (out + n, bytes - n, "%s", c.rest);
    } else {
      out[n++] = *to;
    }
  }
  if (n >= bytes)
    return false;
  out[n] = 0;
  return true;
}

int
em_import_count (const EmWeights *w, const char *prefix, const char *suffix, int limit)
{
  char name[256];

  for (int i = 0;; i++) {
    snprintf (name, sizeof name, "%s%d%s", prefix, i, suffix);
    if (i == limit || !em_weights_find (w, name))
      return i;
  }
}

int
em_import_dim (const EmWeights *w, const char *name, int axis)
{
  const EmTensor *t = em_weights_find (w, name);

  return t && axis < t->ndim && t->shape[axis] <= 1 << 24 ? (int) t->shape[axis] : 0;
}

static const char *
label_of (const char *path)
{
  const char *slash = strrchr (path, '/'), *name = slash && slash[1] ? slash + 1 : path;
  size_t n = strlen (name);

  return n > MAX_LABEL ? name + n - MAX_LABEL : name;
}

/* A new source, its file open; -1 with *err. */
static int
open_source (EmImport *im, const char *path, EmError *err)
{
  EmImportSource *s;

  if (im->n_sources == MAX_SOURCE) {
    em_fail (err, EM_E_WEIGHTS, "more than %d files for one model", MAX_SOURCE);
    return -1;
  }
  s = realloc (im->sources, (im->n_sources + 1) * sizeof *im->sources);
  EM_BUG_UNLESS (s);
  im->sources = s;
  s = &im->sources[im->n_sources];
  *s = (EmImportSource){ strdup (path), NULL, em_weights_open (path, err) };
  EM_BUG_UNLESS (s->path);
  s->label = label_of (s->path);
  return s->weights ? im->n_sources++ : (free (s->path), -1);
}

/* The parts that a configuration describes; two of one kind are too many. */
static bool
add_config (EmImport *im, const json_t *config, const char *label, EmError *err)
{
  static const char *const parts[] = { "sam2", "vgg", "fuser", "text" };
  const char *key;
  json_t *value;

  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    const json_t *old = json_object_get (im->config, parts[i]);
    const json_t *new = json_object_get (config, parts[i]);

    if (old && new && !json_equal (old, new))
      return em_fail (err, EM_E_WEIGHTS, "%s: its %s is another one than that of a file before it",
                      label, parts[i]);
  }
  json_object_foreach ((json_t *) config, key, value) json_object_set (im->config, key, value);
  return true;
}

static bool
add_hf_config (EmImport *im, json_t *config, const char *label, EmError *err)
{
  const char *type = json_string_value (json_object_get (config, "model_type"));

  if (!type || (strcmp (type, "sam2") != 0 && strcmp (type, "sam2_video") != 0))
    return em_fail (err, EM_E_WEIGHTS,
                    "%s: the configuration of a model of type %.40s, which is not known", label,
                    type ? type : "?");
  json_decref (im->hf_sam2);
  im->hf_sam2 = json_incref (config);
  snprintf (im->hf_sam2_label, sizeof im->hf_sam2_label, "%s", label);
  return true;
}

static bool
add_json (EmImport *im, const char *path, EmError *err)
{
  json_t *config = em_json_read_file (path, EM_E_WEIGHTS, err);
  const char *label = label_of (path);
  bool ok;

  if (!config)
    return false;
  if (json_object_get (config, "model_type"))
    ok = add_hf_config (im, config, label, err);
  else if (json_object_get (config, "format"))
    ok = add_config (im, config, label, err);
  else
    ok = em_fail (err, EM_E_WEIGHTS, "%s: neither a config.json nor a configuration of Earmark",
                  label);
  json_decref (config);
  return ok;
}

/* FOLDER/NAME of the folder that `path` lies in; the caller frees. */
static char *
beside (const char *path, const char *name)
{
  const char *slash = strrchr (path, '/');
  int folder = slash ? (int) (slash + 1 - path) : 0;
  size_t n = folder + strlen (name) + 1;
  char *out = malloc (n);

  EM_BUG_UNLESS (out);
  snprintf (out, n, "%.*s%s", folder, path, name);
  return out;
}

static bool
is_file (const char *path)
{
  struct stat st;

  return stat (path, &st) == 0 && S_ISREG (st.st_mode);
}

/* The config.json beside the weights, if there is one. */
static bool
add_neighbour (EmImport *im, const char *path, EmError *err)
{
  char *config = beside (path, "config.json");
  bool ok = !is_file (config) || add_json (im, config, err);

  free (config);
  return ok;
}

static bool
add_package (EmImport *im, int source, EmError *err)
{
  const EmImportSource *s = &im->sources[source];
  const char *text = em_weights_metadata (s->weights, "earmark.config");
  json_t *config = em_json_parse (text, strlen (text), "the configuration", EM_E_WEIGHTS, err);
  bool ok = config && add_config (im, config, s->label, err);

  for (int i = 0; ok && i < em_weights_count (s->weights); i++) {
    const char *name = em_weights_name (s->weights, i);

    em_import_take (im, source, name, em_weights_find (s->weights, name));
  }
  json_decref (config);
  return ok;
}

static bool
add_weights (EmImport *im, const char *path, EmError *err)
{
  int source = open_source (im, path, err);
  const EmWeights *w;

  if (source < 0)
    return false;
  w = im->sources[source].weights;
  if (em_weights_metadata (w, "earmark.config"))
    return add_package (im, source, err);
  if (em_import_is_hf_sam2 (w))
    return add_neighbour (im, path, err) && em_import_take_hf_sam2 (im, source, err);
  if (em_import_is_sam2 (w)) {
    em_import_take_sam2 (im, source);
    return true;
  }
  return em_fail (err, EM_E_WEIGHTS,
                  "%s: its tensors (%.80s ...) are of no model that is known, and it has no "
                  "\"earmark.config\": it is no model package",
                  im->sources[source].label,
                  em_weights_count (w) ? em_weights_name (w, 0) : "none");
}

/* JSON begins with a brace. So may the length in front of a safetensors header, but that ends with
 * zeros. */
static bool
is_json (const char *path)
{
  char head[8] = { 0 };
  FILE *f = fopen (path, "rb");
  size_t n = f ? fread (head, 1, sizeof head, f) : 0, at = 0;

  if (f)
    fclose (f);
  while (at < n && isspace ((unsigned char) head[at]))
    at++;
  return at < n && head[at] == '{' && !memchr (head, 0, n);
}

bool
em_import_add (EmImport *im, const char *path, EmError *err)
{
  struct stat st;
  char *inside;
  bool ok;

  if (stat (path, &st) == 0 && S_ISDIR (st.st_mode)) {
    size_t n = strlen (path) + 32;

    EM_BUG_UNLESS ((inside = malloc (n)));
    snprintf (inside, n, "%s/model.safetensors", path);
    ok = add_weights (im, inside, err);
    free (inside);
    return ok;
  }
  return is_json (path) ? add_json (im, path, err) : add_weights (im, path, err);
}

static int
by_name (const void *a, const void *b)
{
  const EmImportTensor *x = a, *y = b;
  int order = strcmp (x->name, y->name);

  return order ? order : (x->source > y->source) - (x->source < y->source);
}

static bool
same_values (const EmTensor *a, const EmTensor *b)
{
  return a->dtype == b->dtype && em_same_shape (a, b)
         && memcmp (a->data, b->data, em_numel (a) * em_dtype_bytes (a->dtype)) == 0;
}

/* One of each name. Files may repeat each other, but not contradict. */
static bool
merge (EmImport *im, EmError *err)
{
  int n = 0;
  bool ok = true;

  if (im->n)
    qsort (im->tensors, im->n, sizeof *im->tensors, by_name);
  for (int i = 0; i < im->n; i++) {
    EmImportTensor t = im->tensors[i], *last = &im->tensors[n - 1];

    if (n == 0 || strcmp (last->name, t.name) != 0) {
      im->tensors[n++] = t;
      continue;
    }
    if (!same_values (&last->tensor, &t.tensor))
      ok = em_fail (err, EM_E_WEIGHTS, "%s is there twice, with different values: in %s and in %s",
                    t.name, im->sources[last->source].label, im->sources[t.source].label);
    free (t.name);
  }
  im->n = n;
  return ok;
}

/* Weights over what was taken; `config` may be NULL. */
static EmWeights *
open_taken (const EmImport *im, const char *config, EmError *err)
{
  const char **names = calloc (im->n + 1, sizeof *names);
  EmTensor *tensors = calloc (im->n + 1, sizeof *tensors);
  EmWeights *w;

  EM_BUG_UNLESS (names && tensors);
  for (int i = 0; i < im->n; i++) {
    names[i] = im->tensors[i].name;
    tensors[i] = im->tensors[i].tensor;
  }
  w = em_weights_open_tensors (im->n, names, tensors, config, err);
  free (names);
  free (tensors);
  return w;
}

/* A name for a model that has none: what it is. */
static void
name_it (EmImport *im)
{
  EmModelConfig *c = calloc (1, sizeof *c);
  char *text, name[64] = "";

  json_object_set_new (im->config, "name", json_string (name));
  text = json_dumps (im->config, 0);
  EM_BUG_UNLESS (c && text);
  if (em_model_config_parse (c, text, "", NULL))
    snprintf (name, sizeof name, "SAM %s %s%s", c->sam2.v21 ? "2.1" : "2.0",
              em_family_name (&c->sam2), c->has_fuser ? " with AuralFuser" : "");
  json_object_set_new (im->config, "name", json_string (name));
  free (text);
  free (c);
}

/* The configuration of all parts, complete. */
static bool
infer (EmImport *im, EmError *err)
{
  bool has_sam2 = json_object_get (im->config, "sam2") != NULL;
  char from[1024] = "imported from";
  json_t *sam2;

  if (!has_sam2) {
    if (!(sam2 = em_import_infer_sam2 (im, im->joined, err)))
      return false;
    json_object_set_new (im->config, "sam2", sam2);
  }
  json_object_set_new (im->config, "format", json_string ("earmark-model-1"));
  if (!json_object_get (im->config, "labels"))
    json_object_set_new (im->config, "labels", json_array ());
  for (int i = 0; i < im->n_sources; i++)
    snprintf (from + strlen (from), sizeof from - strlen (from), "%s %s", i ? "," : "",
              im->sources[i].label);
  if (!json_object_get (im->config, "provenance"))
    json_object_set_new (im->config, "provenance", json_string (from));
  if (!json_object_get (im->config, "name"))
    name_it (im);
  return true;
}

typedef struct {
  const EmImport *im;
  bool *known; /* per tensor */
} Known;

static void
mark_known (void *self, const char *name, int ndim, const int64_t *shape, EmBindNeed need)
{
  Known *k = self;
  EmImportTensor key = { (char *) name, { 0 }, 0 };
  const EmImport *im = k->im;

  for (int low = 0, high = im->n; low < high;) {
    int middle = low + (high - low) / 2, order = strcmp (key.name, im->tensors[middle].name);

    if (order == 0) {
      k->known[middle] = true;
      return;
    }
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
}

/* Foreign files may hold more than the model; packages stay as they are. */
static void
drop_unexpected (EmImport *im, const EmModelConfig *config)
{
  Known k = { im, calloc (im->n + 1, sizeof *k.known) };
  int n = 0;

  EM_BUG_UNLESS (k.known);
  em_model_list_tensors (config, mark_known, &k);
  for (int i = 0; i < im->n; i++) {
    EmImportTensor *t = &im->tensors[i];
    bool ours = em_weights_metadata (im->sources[t->source].weights, "earmark.config") != NULL;

    if (k.known[i] || ours) {
      im->tensors[n++] = *t;
      continue;
    }
    em_package_names_add (&im->unexpected, t->name);
    free (t->name);
  }
  im->n = n;
  free (k.known);
}

EmWeights *
em_import_join (EmImport *im, EmModelConfig *config, EmImportReport *report, EmError *err)
{
  char *text = NULL, what[160];
  bool ok;

  EM_BUG_UNLESS (!im->joined);
  *report = (EmImportReport){ 0 };
  if (im->n_sources == 0) {
    em_fail (err, EM_E_WEIGHTS, "a configuration alone is no model: give its weights as well");
    return NULL;
  }
  snprintf (what, sizeof what, "%s", im->sources[0].label);
  ok = merge (im, err) && (im->joined = open_taken (im, NULL, err)) && infer (im, err);
  if (ok) {
    text = json_dumps (im->config, JSON_COMPACT);
    EM_BUG_UNLESS (text);
    ok = em_model_config_parse (config, text, what, err);
  }
  if (ok) {
    drop_unexpected (im, config);
    ok = (im->package = open_taken (im, text, err))
         && em_package_check (im->package, config, &report->package, err);
  }
  report->unexpected = im->unexpected;
  im->unexpected = (EmNames){ 0 };
  free (text);
  return ok ? im->package : NULL;
}
