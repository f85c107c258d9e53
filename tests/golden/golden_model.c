/* golden_model.c - configuration, tensor list, weights, model: what runners of whole models share.
 */
#include "golden_model.h"
#include <stdlib.h>
#include <string.h>
#include "config.h"

static EmWeights *
draw_weights (Golden *g, const char *json, EmError *err)
{
  EmModelConfig *config = malloc (sizeof *config);
  EmWeights *w = NULL;

  if (em_model_config_parse (config, json, golden_name (g), err)) {
    GoldenList *list = golden_list_new (g);

    em_model_list_tensors (config, golden_list_add, list);
    w = golden_list_draw (list, json, err);
  }
  free (config);
  return w;
}

bool
golden_model_open (GoldenModel *m, Golden *g, bool with_sound, EmError *err)
{
  char *json = golden_config (g, with_sound, err);
  EmWeights *w = json ? draw_weights (g, json, err) : NULL;

  memset (m, 0, sizeof *m);
  free (json);
  if (w && (m->be = em_backend_open (golden_backend (g), err))
      && (m->model = em_model_open (w, m->be, 0, err)) && (m->ctx = em_ctx_new (m->be, err)))
    return true;
  golden_model_close (m);
  return false;
}

void
golden_model_close (GoldenModel *m)
{
  em_ctx_free (m->ctx);
  em_model_close (m->model);
  em_backend_close (m->be);
}

float *
golden_channels_last (const float *in, int64_t n, int64_t c, int64_t rest)
{
  float *out = malloc (sizeof *out * n * c * rest);

  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k < c; k++)
      for (int64_t p = 0; p < rest; p++)
        out[(i * rest + p) * c + k] = in[(i * c + k) * rest + p];
  return out;
}
