/* neck.c - four laterals; only stride 16 also hears the level above it.
 *
 * The coarsest level is not handed on, but feeds stride 16: the trunk's last stage has to run. */
#include "models/neck.h"

void
em_neck_bind (EmBinder *b, EmNeck *neck, const EmSam2Config *config)
{
  for (int i = 0; i < EM_N_STAGES; i++) {
    size_t mark = em_bind_enter (b, "image_encoder.neck.convs.%d.", i);

    em_bind_pair (b, &neck->convs[i], "conv", config->d_model,
                  config->trunk.embed_dim << (EM_N_STAGES - 1 - i), 1, 1);
    em_bind_leave (b, mark);
  }
}

void
em_neck_forward (EmCtx *ctx, const EmNeck *neck, EmTensor *const stages[EM_N_STAGES], bool fine,
                 EmTensor *fpn[3])
{
  EmTensor *lateral[EM_N_STAGES] = { em_nil (ctx), em_nil (ctx), em_nil (ctx), em_nil (ctx) };

  for (int i = 0; i < (fine ? EM_N_STAGES : 2); i++) {
    const EmPair *conv = &neck->convs[i];

    lateral[i] = em_linear (ctx, stages[EM_N_STAGES - 1 - i], conv->w, conv->b, EM_ACT_NONE, NULL);
    em_tap (ctx, lateral[i], "neck.lateral%d", i);
  }
  fpn[0] = lateral[3];
  fpn[1] = lateral[2];
  fpn[2] = em_upsample_add (ctx, lateral[0], lateral[1]);
  for (int i = fine ? 0 : 2; i < 3; i++)
    em_tap (ctx, fpn[i], "neck.fpn%d", i);
}
