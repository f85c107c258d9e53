/* import.c - what each file is, and its tensors under the names of a package. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/json.h"
#include "models/import_private.h"

#define MAX_LABEL   120
#define MAX_SOURCES 16
#define MAX_BYTES   (64 << 20) /* of a vocabulary */
#define MAX_NAME    640

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
    free (im->sources[i].bytes);
    free (im->sources[i].path);
  }
  em_package_names_clear (&im->unexpected);
  json_decref (im->config);
  json_decref (im->hf_sam2.json);
  json_decref (im->hf_text.json);
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

static void
take (EmImport *im, int source, bool yields, const char *name, const EmTensor *tensor)
{
  if ((im->n & (im->n - 1)) == 0) { /* capacity is the next power of two */
    im->tensors = realloc (im->tensors, (im->n ? 2 * im->n : 1) * sizeof *im->tensors);
    EM_BUG_UNLESS (im->tensors);
  }
  im->tensors[im->n] = (EmImportTensor){ strdup (name), *tensor, source, yields };
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

json_t *
em_import_row (const int *values, int n)
{
  json_t *array = json_array ();

  for (int i = 0; i < n; i++)
    json_array_append_new (array, json_integer (values[i]));
  return array;
}

static const char *
label_of (const char *path)
{
  const char *slash = strrchr (path, '/'), *name = slash && slash[1] ? slash + 1 : path;
  size_t n = strlen (name);

  return n > MAX_LABEL ? name + n - MAX_LABEL : name;
}

/* A new source without anything in it yet; -1 with *err. */
static int
add_source (EmImport *im, const char *path, EmError *err)
{
  EmImportSource *s;

  if (im->n_sources == MAX_SOURCES) {
    em_fail (err, EM_E_WEIGHTS, "more than %d files for one model", MAX_SOURCES);
    return -1;
  }
  s = realloc (im->sources, (im->n_sources + 1) * sizeof *im->sources);
  EM_BUG_UNLESS (s);
  im->sources = s;
  s = &im->sources[im->n_sources];
  *s = (EmImportSource){ .path = strdup (path) };
  EM_BUG_UNLESS (s->path);
  s->label = label_of (s->path);
  return im->n_sources++;
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
add_hf_config (EmImport *im, json_t *config, const char *label, bool given, EmError *err)
{
  const char *type = json_string_value (json_object_get (config, "model_type"));
  EmHfConfig *hf = NULL;

  if (type && (strcmp (type, "sam2") == 0 || strcmp (type, "sam2_video") == 0))
    hf = &im->hf_sam2;
  else if (type && strcmp (type, "roberta") == 0)
    hf = &im->hf_text;
  if (!hf)
    return em_fail (err, EM_E_WEIGHTS,
                    "%s: the configuration of a model of type %.40s, which is not known", label,
                    type ? type : "?");
  if (hf->json && !given) /* one that was named goes before one that merely lies there */
    return true;
  json_decref (hf->json);
  hf->json = json_incref (config);
  snprintf (hf->label, sizeof hf->label, "%s", label);
  return true;
}

/* The file as it is becomes a tensor of bytes. */
static bool
add_bytes (EmImport *im, const char *path, const char *name, EmError *err)
{
  int source = add_source (im, path, err);
  FILE *f = source < 0 ? NULL : fopen (path, "rb");
  struct stat st;
  bool ok = source >= 0;

  if (ok && (!f || fstat (fileno (f), &st) != 0))
    ok = em_fail (err, EM_E_INPUT, "%s: %s", path, strerror (errno));
  else if (ok && (st.st_size == 0 || st.st_size > MAX_BYTES))
    ok = em_fail (err, EM_E_WEIGHTS, "%s: empty, or too large for a vocabulary",
                  im->sources[source].label);
  if (ok) {
    EmImportSource *s = &im->sources[source];
    int64_t n = st.st_size;
    EmTensor t;

    EM_BUG_UNLESS ((s->bytes = malloc (n)));
    if (fread (s->bytes, 1, n, f) != (size_t) n)
      ok = em_fail (err, EM_E_INPUT, "%s: cannot be read", path);
    t = em_tensor_of (EM_U8, s->bytes, 1, &n);
    take (im, source, false, name, &t);
  }
  if (f)
    fclose (f);
  return ok;
}

static bool
add_json (EmImport *im, const char *path, bool given, EmError *err)
{
  json_t *config = em_json_read_file (path, EM_E_WEIGHTS, err);
  const char *label = label_of (path);
  bool ok;

  if (!config)
    return false;
  if (json_object_get (config, "model_type"))
    ok = add_hf_config (im, config, label, given, err);
  else if (json_object_get (config, "format"))
    ok = im->is_named = add_config (im, config, label, err);
  else if (json_object_get (config, "<s>"))
    ok = add_bytes (im, path, "text.vocab_json", err);
  else
    ok = em_fail (err, EM_E_WEIGHTS,
                  "%s: neither a config.json, nor a configuration of Earmark, nor the vocab.json "
                  "of a text model",
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

/* What lies beside the weights and belongs to them: Hugging Face's for certain; beside other files
 * a config.json may be anybody's. */
static bool
add_neighbours (EmImport *im, const char *path, bool from_hf, bool reads, EmError *err)
{
  char *config = beside (path, "config.json"), *vocab = beside (path, "vocab.json");
  char *merges = beside (path, "merges.txt");
  bool ok = !is_file (config) || add_json (im, config, false, from_hf ? err : NULL) || !from_hf;

  if (reads && is_file (vocab) && is_file (merges))
    ok = ok && add_bytes (im, vocab, "text.vocab_json", err)
         && add_bytes (im, merges, "text.merges_txt", err);
  free (config);
  free (vocab);
  free (merges);
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

    take (im, source, false, name, em_weights_find (s->weights, name));
  }
  json_decref (config);
  return ok;
}

/* Wrappers of training put themselves before every name. */
static const char *
plain (const char *name)
{
  static const char *const wrappers[] = { "module.", "_orig_mod." };

  for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers;)
    if (strncmp (name, wrappers[i], strlen (wrappers[i])) == 0) {
      name += strlen (wrappers[i]);
      i = 0;
    } else {
      i++;
    }
  return name;
}

/* What a file is, by how one of its names begins; the first row that fits. */
static const struct {
  const char *sign;
  EmNameFn name;
  bool from_hf; /* its config.json lies beside it */
  bool yields;  /* see EmImportTensor */
} kinds[] = {
  { "v_model.", em_import_aural_name },
  { "aural_fuser.", em_import_aural_name },
  { "audio_prompter.", em_import_aural_name },
  { "vision_encoder.backbone.", em_import_hf_sam2_name, .from_hf = true },
  { "image_encoder.trunk.", em_import_sam2_name },
  { "patch_embeds.", em_import_fuser_name },
  { "train_f_patch_embed1.", em_import_fuser_name },
  { "training_layers.", em_import_fuser_name },
  { "embeddings.word_embeddings.", em_import_text_name, .from_hf = true },
  { "roberta.embeddings.word_embeddings.", em_import_text_name, .from_hf = true },
  { "features.0.", em_import_vgg_name, .yields = true },
};
#define N_KINDS (int) (sizeof kinds / sizeof *kinds)

static int
kind_of (const EmWeights *w)
{
  for (int k = 0; k < N_KINDS; k++)
    for (int i = 0; i < em_weights_count (w); i++)
      if (strncmp (plain (em_weights_name (w, i)), kinds[k].sign, strlen (kinds[k].sign)) == 0)
        return k;
  return -1;
}

/* One table of four rows is four tensors of one row in a package. */
static bool
take_points (EmImport *im, int source, const EmTensor *t, EmError *err)
{
  char name[96];

  if (t->ndim != 2 || t->shape[0] != 4)
    return em_fail (err, EM_E_WEIGHTS, "%s: point_embed.weight has not the shape [4, width]",
                    im->sources[source].label);
  for (int i = 0; i < 4; i++) {
    char *row = (char *) t->data + i * t->shape[1] * em_dtype_bytes (t->dtype);
    EmTensor one = em_tensor_of (t->dtype, row, 2, (int64_t[]){ 1, t->shape[1] });

    snprintf (name, sizeof name, EM_IMPORT_POINTS ".%d.weight", i);
    take (im, source, false, name, &one);
  }
  return true;
}

static bool
take_all (EmImport *im, int source, int kind, EmError *err)
{
  const EmWeights *w = im->sources[source].weights;
  char name[MAX_NAME];

  for (int i = 0; i < em_weights_count (w); i++) {
    const char *was = em_weights_name (w, i);
    const EmTensor *t = em_weights_find (w, was);

    if (!kinds[kind].name (plain (was), name, sizeof name))
      em_package_names_add (&im->unexpected, was);
    else if (strcmp (name, EM_IMPORT_POINTS) != 0)
      take (im, source, kinds[kind].yields, name, t);
    else if (!take_points (im, source, t, err))
      return false;
  }
  return true;
}

static bool
add_weights (EmImport *im, const char *path, EmError *err)
{
  int source = add_source (im, path, err), kind;
  EmWeights *w;

  if (source < 0 || !(w = em_weights_open (path, err)))
    return false;
  im->sources[source].weights = w;
  if (em_weights_metadata (w, "earmark.config"))
    return add_package (im, source, err);
  if ((kind = kind_of (w)) < 0)
    return em_fail (err, EM_E_WEIGHTS,
                    "%s: its tensors (%.80s ...) are of no model that is known, and it has no "
                    "\"earmark.config\": it is no model package",
                    im->sources[source].label,
                    em_weights_count (w) ? em_weights_name (w, 0) : "none");
  return add_neighbours (im, path, kinds[kind].from_hf, kinds[kind].name == em_import_text_name,
                         err)
         && take_all (im, source, kind, err);
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

/* Merges begin with their version, or are called so. */
static bool
is_merges (const char *path)
{
  static const char first[] = "#version";
  char head[sizeof first] = "";
  FILE *f = fopen (path, "rb");
  size_t n = f ? fread (head, 1, sizeof first - 1, f) : 0;

  if (f)
    fclose (f);
  return (n == sizeof first - 1 && strcmp (head, first) == 0)
         || strcmp (label_of (path), "merges.txt") == 0;
}

/* The weights of a folder as Hugging Face lays it out. */
static bool
add_folder (EmImport *im, const char *folder, EmError *err)
{
  static const char *const names[] = { "model.safetensors", "pytorch_model.bin" };
  char path[4096];

  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf (path, sizeof path, "%s/%s", folder, names[i]);
    if (is_file (path))
      return add_weights (im, path, err);
  }
  return em_fail (err, EM_E_INPUT, "%.300s has neither %s nor %s in it", folder, names[0],
                  names[1]);
}

bool
em_import_add (EmImport *im, const char *path, EmError *err)
{
  struct stat st;

  if (stat (path, &st) == 0 && S_ISDIR (st.st_mode))
    return add_folder (im, path, err);
  if (is_json (path))
    return add_json (im, path, true, err);
  if (is_merges (path))
    return add_bytes (im, path, "text.merges_txt", err);
  return add_weights (im, path, err);
}
