/* vggish.c - the ear.
 *
 * The wide layers read the last map in the order time, frequency, channel. Channels-last maps have
 * it already, so flattening is a view. They are also bound by reading their weights (67 million at
 * the official widths): both ears go through in one batch. */
#include "models/vggish.h"

static const int layer_index[EM_N_VGG_CONVS] = { 0, 3, 6, 8, 11, 13 };
static const int stage_of[EM_N_VGG_CONVS] = { 0, 1, 2, 2, 3, 3 };

void
em_vggish_bind (EmBinder *b, EmVggish *v, const EmVggConfig *config)
{
  int scale = 1 << EM_N_VGG_STAGES, in = 1;
  int flat = EM_VGG_FRAMES / scale * (EM_VGG_BANDS / scale) * config->channels[EM_N_VGG_STAGES - 1];
  int widths[4] = { flat, config->fc, config->fc, config->embedding };

  for (int i = 0; i < EM_N_VGG_CONVS; i++) {
    int out = config->channels[stage_of[i]];
    size_t mark = em_bind_enter (b, "features.%d", layer_index[i]);

    em_bind_pair (b, &v->features[i], "", out, in, 3, 3);
    em_bind_leave (b, mark);
    in = out;
  }
  for (int i = 0; i < 3; i++) {
    size_t mark = em_bind_enter (b, "embeddings.%d", 2 * i);

    em_bind_pair (b, &v->embeddings[i], "", widths[i + 1], widths[i]);
    em_bind_leave (b, mark);
  }
}

EmTensor *
em_vggish_forward (EmCtx *ctx, const EmVggish *v, EmTensor *examples)
{
  int64_t n = examples->shape[0];
  size_t mark = em_ctx_mark (ctx);
  EmTensor *x = em_reshape (ctx, examples, n, EM_VGG_FRAMES, EM_VGG_BANDS, 1);

  for (int i = 0; i < EM_N_VGG_CONVS; i++) {
    x = em_conv2d (ctx, x, v->features[i].w, v->features[i].b, 1, 1, EM_ACT_RELU);
    em_tap (ctx, x, "relu%d", layer_index[i]);
    if (i + 1 == EM_N_VGG_CONVS || stage_of[i + 1] != stage_of[i])
      x = em_max_pool (ctx, x);
    x = em_keep (ctx, mark, x);
  }
  em_tap (ctx, x, "pool15");
  x = em_reshape (ctx, x, n, v->embeddings[0].w->shape[1]);
  for (int i = 0; i < 3; i++) {
    x = em_linear (ctx, x, v->embeddings[i].w, v->embeddings[i].b, EM_ACT_RELU, NULL);
    em_tap (ctx, x, "fc_relu%d", 2 * i + 1);
  }
  em_tap (ctx, x, "embedding");
  return em_keep (ctx, mark, x);
}

EmTensor *
em_vggish_ears (EmCtx *ctx, const EmVggish *v, EmTensor *spect)
{
  int64_t n = spect->shape[0];
  EmTensor *by_ear = em_permute (ctx, spect, (int[]){ 1, 0, 2, 3 }); /* [2, n, 96, 64] */
  EmTensor *e;

  e = em_vggish_forward (ctx, v, em_reshape (ctx, by_ear, 2 * n, EM_VGG_FRAMES, EM_VGG_BANDS));
  e = em_reshape (ctx, e, 2, n, em_last_dim (e));
  e = em_permute (ctx, e, (int[]){ 1, 0, 2 }); /* [n, 2, embedding] */
  return em_reshape (ctx, e, n, 2 * em_last_dim (e));
}
