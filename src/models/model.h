/* model.h - all parts of a model, their sizes, one loader.
 *
 * An EmModel is read-only once open and may serve many predictors of one thread. Its tensors lie in
 * the backend's memory; f32 weights stay where the package is mapped. Tables that depend on the
 * image size only are computed at open. */
#pragma once
#include "models/bpe.h"
#include "models/config.h"
#include "models/fuser.h"
#include "models/hiera.h"
#include "models/mask_decoder.h"
#include "models/memory.h"
#include "models/neck.h"
#include "models/prompt_encoder.h"
#include "models/roberta.h"
#include "models/vggish.h"

typedef struct {
  EmModelConfig config;
  EmBackend *be;
  int side;      /* G = S/16 */
  int n_tokens;  /* N = G * G */
  int mask_side; /* S/4 */

  EmHiera trunk;
  EmNeck neck;
  EmPromptEncoder prompt_encoder;
  EmMaskDecoder mask_decoder;
  EmMemoryEncoder memory_encoder;
  EmMemoryAttention memory_attention;
  EmTensor *maskmem_tpos_enc; /* [num_maskmem, m] */
  EmTensor *no_mem_embed;     /* [d] */
  EmTensor *no_obj_ptr;       /* [1, d] */
  EmPair mask_downsample;     /* [1, 1, 4, 4] */
  EmMlp3 obj_ptr_proj;
  EmPair obj_ptr_tpos_proj; /* [m, d]; NULLs in 2.0 */

  EmVggish vggish; /* both empty unless config.has_fuser */
  EmFuser fuser;
  EmRoberta roberta; /* this and the next two are empty unless config.has_text */
  EmBpe *bpe;
  const EmTensor *vocab_json, *merges_txt; /* U8, what it was made of */

  EmTensor *image_pe;  /* [N, d], for memory attention */
  EmTensor *memory_pe; /* [N, m], of a spatial memory, before the temporal part */
  EmTensor *no_pos;    /* [1, m] zeros */

  EmBound *bound;
  struct EmModelTables *tables;
} EmModel;

/* Checks every tensor's presence and shape against the package's configuration. `w` and `be` must
 * outlive the model. Pictures are seen at `image_size`, 0 for the size that the package names: no
 * weight depends on it. EM_E_WEIGHTS if the package does not fit, EM_E_USAGE if the size does not.
 */
EmModel *em_model_open (EmWeights *w, EmBackend *be, int image_size, EmError *err);
void em_model_close (EmModel *m); /* NULL is fine */

/* What the package says it is. EM_E_WEIGHTS if it says nothing, or nothing sound. */
bool em_model_config_of (EmModelConfig *config, const EmWeights *w, EmError *err);
/* Every tensor a package of this configuration has, with its package prefix ("sam2.", "fuser.",
 * "vgg.", "text."). Needs no weights. */
void em_model_list_tensors (const EmModelConfig *config, EmListFn fn, void *self);

/* The image pass. */
typedef struct {
  EmTensor *fpn[3];  /* [n, S/4, S/4, d], [n, S/8, S/8, d], [n, S/16, S/16, d] */
  EmTensor *s0, *s1; /* what the decoder reads beside fpn[2] */
} EmImageFeatures;
/* frames [n, S, S, 3], normalised. fpn[0] and fpn[1] only with `fine`, for the fuser; all else is
 * the same to the last bit either way. Taps of trunk, neck, high_res. */
EmImageFeatures em_model_encode (EmCtx *ctx, const EmModel *m, EmTensor *frames, bool fine);

/* The sound pass, of a model that hears: em_fuser_patch of T frames' fpn and spect [T, 2, 96, 64]
 * of the same seconds -> prompts for the decoder; text as em_fuser_forward takes it. Taps of the
 * fuser, and fuser.VK, fuser.AK (1..3). */
EmFused em_model_hear (EmCtx *ctx, const EmModel *m, EmTensor *const patches[EM_N_FUSION],
                       EmTensor *spect, EmTensor *text);

/* fpn2 [1, G, G, d] -> [1, N, d] plus no_mem_embed: a frame without memory. Tap image_embed. */
EmTensor *em_model_no_memory (EmCtx *ctx, const EmModel *m, EmTensor *fpn2);

/* Object pointer [1, d] of a choice's token; no_obj_ptr where score [1] <= 0. Tap obj_ptr. */
EmTensor *em_model_pointer (EmCtx *ctx, const EmModel *m, EmTensor *token, EmTensor *score);

/* A mask given by the user, {0, 1} [1, S, S], as the mask prompt of the head that makes its
 * pointer: [1, S/4, S/4]. */
EmTensor *em_model_mask_downsample (EmCtx *ctx, const EmModel *m, EmTensor *mask);
/* The same mask as decoder logits: 20 m - 10, antialiased to [1, S/4, S/4]. */
EmTensor *em_model_mask_logits (EmCtx *ctx, const EmModel *m, EmTensor *mask);

/* Position encoding of n pointers' tokens, [1, n d/m, m]; `lines` are em_sine_line of distance /
 * max (maxp - 1, 1), [n, d] if the configuration has proj_tpos_enc_in_obj_ptrs, else [n, m].
 * Without add_tpos_enc_to_obj_ptrs (2.0) all zeros, and `lines` may be NULL. */
EmTensor *em_model_pointer_pos (EmCtx *ctx, const EmModel *m, EmTensor *lines, int n);
