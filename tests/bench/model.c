/* model.c - a model by a word. */
#include "model.h"
#include <stdlib.h>
#include "draw.h"
#include "sizes.h"

#define WINDOW 5 /* seconds that a drawn model hears at once */

/* Drawn weights think most objects absent, and a mask of what is absent is empty. */
static const char present[]
    = "sam_mask_decoder.pred_obj_score_head.layers.2.bias: scale 0.1 offset 20";

/* Parsed first: what a size has is listed by its configuration. */
static EmWeights *
draw_size (BenchModel *m, const char *size, int image_size, EmError *err)
{
  SizeConfig c = { .size = size,
                   .name = size,
                   .image_size = image_size              ? image_size
                                 : strcmp (size, "nano") ? 1024
                                                         : 256,
                   .v21 = true,
                   .window = WINDOW };
  EmModelConfig *config = malloc (sizeof *config);
  char *json = size_json (&c);
  EmWeights *w = NULL;

  EM_BUG_UNLESS (config);
  if (em_model_config_parse (config, json, size, err)) {
    m->draw = draw_new (1, present);
    em_model_list_tensors (config, draw_add, m->draw);
    w = draw_weights (m->draw, json, err);
  }
  free (config);
  free (json);
  return w;
}

bool
bench_model_open (BenchModel *m, const char *word, const char *backend, int image_size,
                  const BenchModel *other, EmError *err)
{
  *m = (BenchModel){ 0 };
  if (!(m->be = em_backend_open (backend, err)))
    return false;
  if (other)
    m->weights = other->weights;
  else if (size_known (word))
    m->weights = draw_size (m, word, image_size, err);
  else
    m->weights = em_weights_open (strcmp (word, "demo") ? word : EM_DEMO_MODEL, err);
  m->owned = !other && !m->draw;
  return m->weights && (m->model = em_model_open (m->weights, m->be, image_size, err));
}

void
bench_model_close (BenchModel *m)
{
  em_model_close (m->model);
  em_backend_close (m->be);
  draw_free (m->draw);
  if (m->owned)
    em_weights_close (m->weights);
}
