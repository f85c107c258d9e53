/* import_join.c - what the files gave, as one package: each name once, the configuration of all
 * parts, nothing that is not of the model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "models/family.h"
#include "models/import_private.h"
#include "models/model.h"

static int
by_name (const void *a, const void *b)
{
  const EmImportTensor *x = a, *y = b;
  int order = strcmp (x->name, y->name);

  if (order || x->yields != y->yields)
    return order ? order : x->yields - y->yields;
  return (x->source > y->source) - (x->source < y->source);
}

static bool
same_values (const EmTensor *a, const EmTensor *b)
{
  return a->dtype == b->dtype && em_same_shape (a, b)
         && (a->data == b->data
             || memcmp (a->data, b->data, em_numel (a) * em_dtype_bytes (a->dtype)) == 0);
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
    if (last->yields == t.yields && !same_values (&last->tensor, &t.tensor))
      ok = em_fail (err, EM_E_WEIGHTS, "%s is there twice, with different values: in %s and in %s",
                    t.name, im->sources[last->source].label, im->sources[t.source].label);
    free (t.name);
  }
  im->n = n;
  return ok;
}

static int
find (const EmImport *im, const char *name)
{
  for (int i = 0; i < im->n; i++)
    if (strcmp (im->tensors[i].name, name) == 0)
      return i;
  return -1;
}

/* The authors have one matrix for the positions of points and of the grid. Hugging Face's files
 * have it once, twice, or as two that were drawn apart: only these need both. */
static void
settle_positions (EmImport *im)
{
  int points = find (im, "sam2." EM_POINT_PE), grid = find (im, "sam2." EM_IMAGE_PE);

  if (grid < 0
      || (points >= 0 && !same_values (&im->tensors[points].tensor, &im->tensors[grid].tensor)))
    return;
  free (im->tensors[grid].name);
  if (points < 0) {
    im->tensors[grid].name = strdup ("sam2." EM_POINT_PE);
    EM_BUG_UNLESS (im->tensors[grid].name);
    qsort (im->tensors, im->n, sizeof *im->tensors, by_name);
  } else {
    im->n--;
    memmove (&im->tensors[grid], &im->tensors[grid + 1],
             (size_t) (im->n - grid) * sizeof *im->tensors);
  }
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
    snprintf (name, sizeof name, "SAM %s %s%s",
              !c->sam2.tracks ? "2 for pictures,"
              : c->sam2.v21   ? "2.1"
                              : "2.0",
              em_family_name (&c->sam2),
              !c->has_fuser ? ""
              : c->has_text ? " that hears and reads"
                            : " that hears");
  json_object_set_new (im->config, "name", json_string (name));
  free (text);
  free (c);
}

static bool
has_part (const EmImport *im, const char *prefix)
{
  for (int i = 0; i < im->n; i++)
    if (strncmp (im->tensors[i].name, prefix, strlen (prefix)) == 0)
      return true;
  return false;
}

/* Parts that need each other come in different files. */
static bool
check_parts (const EmImport *im, EmError *err)
{
  bool hears = has_part (im, "fuser."), vgg = has_part (im, "vgg.");

  if (!has_part (im, "sam2."))
    return em_fail (err, EM_E_WEIGHTS,
                    "there is no SAM 2 among these files: give one as well, AuralSAM2 goes with "
                    "sam2_hiera_large.pt");
  if (hears && !vgg)
    return em_fail (err, EM_E_WEIGHTS,
                    "AuralFuser came without VGGish: give vggish-10086976.pth as well");
  if (vgg && !hears)
    return em_fail (err, EM_E_WEIGHTS,
                    "VGGish came without AuralFuser: give a checkpoint of AuralSAM2 as well");
  if (!has_part (im, "text."))
    return true;
  if (!hears || !em_weights_find (im->joined, "fuser.text_proj.0.weight"))
    return em_fail (err, EM_E_WEIGHTS,
                    "a text model came without an AuralFuser that reads: give the AuralSAM2 of "
                    "Ref-AVS as well");
  if (!em_weights_find (im->joined, "text.vocab_json")
      || !em_weights_find (im->joined, "text.merges_txt"))
    return em_fail (err, EM_E_WEIGHTS,
                    "the text model came without its vocabulary: give vocab.json and merges.txt of "
                    "distilroberta-base as well");
  return em_weights_find (im->joined, "text.embeddings.word_embeddings.weight")
         || em_fail (err, EM_E_WEIGHTS,
                     "a vocabulary came without its text model: give distilroberta-base as well");
}

/* A part that no configuration described, from its tensors. */
static bool
infer_part (EmImport *im, const char *part, json_t *inferred)
{
  if (inferred)
    json_object_set_new (im->config, part, inferred);
  return inferred != NULL;
}

static bool
infer (EmImport *im, EmError *err)
{
  const EmWeights *w = im->joined;
  char from[1024] = "imported from";

  if (!json_object_get (im->config, "sam2")
      && !infer_part (im, "sam2", em_import_infer_sam2 (im, w, err)))
    return false;
  if (has_part (im, "fuser.") && !json_object_get (im->config, "fuser"))
    infer_part (im, "fuser", em_import_infer_fuser (w));
  if (has_part (im, "vgg.") && !json_object_get (im->config, "vgg"))
    infer_part (im, "vgg", em_import_infer_vgg (w));
  if (has_part (im, "text.") && !json_object_get (im->config, "text")
      && !infer_part (im, "text", em_import_infer_text (im, w, err)))
    return false;
  json_object_set_new (im->config, "format", json_string ("earmark-model-1"));
  if (!json_object_get (im->config, "labels"))
    json_object_set_new (im->config, "labels", json_array ());
  for (int i = 0; i < im->n_sources; i++)
    snprintf (from + strlen (from), sizeof from - strlen (from), "%s %s", i ? "," : "",
              im->sources[i].label);
  if (!json_object_get (im->config, "provenance") || (im->n_sources > 1 && !im->is_named))
    json_object_set_new (im->config, "provenance", json_string (from));
  if (!json_object_get (im->config, "name") || (im->n_sources > 1 && !im->is_named))
    name_it (im);
  return true;
}

/* Not of the model as it runs, but of its training or of a text model that may still come. */
static bool
is_kept (const char *name)
{
  return strncmp (name, "fuser.train_proj_", 17) == 0
         || strncmp (name, "fuser.text_proj.", 16) == 0;
}

typedef struct {
  const EmImport *im;
  bool *known; /* per tensor */
} Known;

static void
mark_known (void *self, const char *name, int ndim, const int64_t *shape, EmBindNeed need)
{
  Known *k = self;
  const EmImport *im = k->im;

  for (int low = 0, high = im->n; low < high;) {
    int middle = low + (high - low) / 2, order = strcmp (name, im->tensors[middle].name);

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
    const EmWeights *w = im->sources[t->source].weights;

    if (k.known[i] || is_kept (t->name) || (w && em_weights_metadata (w, "earmark.config"))) {
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
  if (im->n == 0) {
    em_fail (err, EM_E_WEIGHTS, "a configuration alone is no model: give its weights as well");
    return NULL;
  }
  snprintf (what, sizeof what, "%s", im->sources[0].label);
  ok = merge (im, err);
  if (ok)
    settle_positions (im);
  ok = ok && (im->joined = open_taken (im, NULL, err)) && check_parts (im, err) && infer (im, err);
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
  im->unexpected = (EmPackageNames){ 0 };
  free (text);
  return ok ? im->package : NULL;
}
