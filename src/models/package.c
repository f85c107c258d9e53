/* package.c - what is in a package, and writing one. */
#include "models/package.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "models/model.h"

void
em_package_names_add (EmPackageNames *list, const char *name)
{
  char **names = realloc (list->names, (list->n + 1) * sizeof *names);

  EM_BUG_UNLESS (names);
  list->names = names;
  EM_BUG_UNLESS ((names[list->n++] = strdup (name)));
}

void
em_package_names_clear (EmPackageNames *list)
{
  for (int i = 0; i < list->n; i++)
    free (list->names[i]);
  free (list->names);
  *list = (EmPackageNames){ 0 };
}

void
em_package_report_clear (EmPackageReport *report)
{
  em_package_names_clear (&report->missing);
  em_package_names_clear (&report->wrong);
  em_package_names_clear (&report->unused);
}

bool
em_package_is_complete (const EmPackageReport *report)
{
  return report->missing.n == 0 && report->wrong.n == 0;
}

typedef struct {
  const EmWeights *w;
  EmPackageReport *report;
  bool *known; /* per tensor of w */
} Check;

static int
index_of (const EmWeights *w, const char *name)
{
  int low = 0, high = em_weights_count (w);

  while (low < high) {
    int middle = low + (high - low) / 2;
    int order = strcmp (name, em_weights_name (w, middle));

    if (order == 0)
      return middle;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return -1;
}

static void
check_tensor (void *self, const char *name, int ndim, const int64_t *shape, EmBindNeed need)
{
  Check *c = self;
  int index = index_of (c->w, name);
  EmTensor want = em_tensor_of (EM_F32, NULL, ndim, shape);
  char is[128], expected[128], text[640];

  if (index < 0) {
    if (need == EM_BIND_REQUIRED || need == EM_BIND_BYTES)
      em_package_names_add (&c->report->missing, name);
    return;
  }
  c->known[index] = true;

  const EmTensor *t = em_weights_find (c->w, name);
  if (need == EM_BIND_BYTES) {
    if (t->dtype != EM_U8 || t->ndim != 1) {
      snprintf (text, sizeof text, "%s is %s %s, expected a row of bytes (U8)", name,
                em_dtype_name (t->dtype), em_shape_text (t, is, sizeof is));
      em_package_names_add (&c->report->wrong, text);
    }
    return;
  }
  if (need == EM_BIND_DEAD || em_same_shape (t, &want))
    return;
  snprintf (text, sizeof text, "%s is %s, expected %s", name, em_shape_text (t, is, sizeof is),
            em_shape_text (&want, expected, sizeof expected));
  em_package_names_add (&c->report->wrong, text);
}

/* The vocabulary's files are told apart from weights by nothing but what they say. */
static void
check_tokenizer (const EmWeights *w, const EmModelConfig *config, EmPackageReport *report)
{
  const EmTensor *vocab = em_weights_find (w, "text.vocab_json");
  const EmTensor *merges = em_weights_find (w, "text.merges_txt");
  EmError err = EM_ERROR_INIT;
  EmBpe *b;

  if (!config->has_text || !vocab || !merges || vocab->dtype != EM_U8 || merges->dtype != EM_U8)
    return;
  b = em_bpe_new (vocab->data, (size_t) em_numel (vocab), merges->data, (size_t) em_numel (merges),
                  config->text.vocab, "text.tokenizer", &err);
  if (!b)
    em_package_names_add (&report->wrong, err.text);
  em_bpe_free (b);
}

bool
em_package_check (const EmWeights *w, EmModelConfig *config, EmPackageReport *report, EmError *err)
{
  Check c = { w, report, NULL };

  *report = (EmPackageReport){ 0 };
  if (!em_model_config_of (config, w, err))
    return false;
  c.known = calloc (em_weights_count (w) + 1, sizeof *c.known);
  EM_BUG_UNLESS (c.known);
  em_model_list_tensors (config, check_tensor, &c);
  for (int i = 0; i < em_weights_count (w); i++)
    if (!c.known[i])
      em_package_names_add (&report->unused, em_weights_name (w, i));
  free (c.known);
  check_tokenizer (w, config, report);
  return true;
}

bool
em_package_save (const EmWeights *w, int dtype, const char *digest, const char *path, EmError *err)
{
  const char *json = em_weights_metadata (w, "earmark.config");
  json_t *config;
  char *text;
  bool ok;

  EM_BUG_UNLESS (json); /* em_package_check came before */
  config = em_json_parse (json, strlen (json), "the configuration", EM_E_WEIGHTS, err);
  if (!config)
    return false;
  json_object_set_new (config, "digest", json_string (digest));
  text = json_dumps (config, JSON_COMPACT);
  ok = em_weights_save_as (w, dtype, path, (const char *[]){ "earmark.config", text }, 1, err);
  free (text);
  json_decref (config);
  return ok;
}
