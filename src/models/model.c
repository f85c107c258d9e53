/* model.c - opens a package: the parts bound to its tensors, the tables of its image size. */
#include "models/model.h"
#include "models/tables.h"
#include <stdlib.h>
#include <string.h>

static void
bind_tracking (EmBinder *b, EmModel *m)
{
  const EmSam2Config *s = &m->config.sam2;
  int d = s->d_model;

  em_memory_encoder_bind (b, &m->memory_encoder, s);
  em_memory_attention_bind (b, &m->memory_attention, s);
  em_bind (b, &m->maskmem_tpos_enc, "maskmem_tpos_enc", s->num_maskmem, 1, 1, s->mem_dim);
  em_bind_dead (b, "no_mem_pos_enc", 1, 1, d);
  em_bind (b, &m->no_obj_ptr, "no_obj_ptr", 1, d);
  em_bind_pair (b, &m->mask_downsample, "mask_downsample", 1, 1, 4, 4);
  em_mlp3_bind (b, &m->obj_ptr_proj, "obj_ptr_proj", d, d, d);
  if (s->proj_tpos_enc_in_obj_ptrs)
    em_bind_pair (b, &m->obj_ptr_tpos_proj, "obj_ptr_tpos_proj", s->mem_dim, d);
}

static void
bind_sam2 (EmBinder *b, EmModel *m)
{
  const EmSam2Config *s = &m->config.sam2;
  size_t mark = em_bind_enter (b, "sam2.");
  int d = s->d_model;

  em_hiera_bind (b, &m->trunk, &s->trunk);
  em_neck_bind (b, &m->neck, s);
  em_prompt_encoder_bind (b, &m->prompt_encoder, s);
  em_mask_decoder_bind (b, &m->mask_decoder, s);
  em_bind (b, &m->no_mem_embed, "no_mem_embed", 1, 1, d);
  if (s->tracks)
    bind_tracking (b, m);
  em_bind_leave (b, mark);
}

/* VGGish lies beside the fuser, not inside: packages hold it once. */
static void
bind_sound (EmBinder *b, EmModel *m)
{
  size_t mark;

  if (!m->config.has_fuser)
    return;
  mark = em_bind_enter (b, "fuser.");
  em_fuser_bind (b, &m->fuser, &m->config.fuser);
  em_bind_leave (b, mark);
  mark = em_bind_enter (b, "vgg.");
  em_vggish_bind (b, &m->vggish, &m->config.vgg);
  em_bind_leave (b, mark);
}

static void
bind_text (EmBinder *b, EmModel *m)
{
  size_t mark;

  if (!m->config.has_text)
    return;
  mark = em_bind_enter (b, "text.");
  em_roberta_bind (b, &m->roberta, &m->config.text);
  em_bind_bytes (b, &m->vocab_json, "vocab_json");
  em_bind_bytes (b, &m->merges_txt, "merges_txt");
  em_bind_leave (b, mark);
}

static void
bind_all (EmBinder *b, EmModel *m)
{
  bind_sam2 (b, m);
  bind_sound (b, m);
  bind_text (b, m);
}

void
em_model_list_tensors (const EmModelConfig *config, EmListFn fn, void *self)
{
  EmBinder *b = em_binder_new_list (fn, self);
  EmModel *m = calloc (1, sizeof *m);

  EM_BUG_UNLESS (m);
  m->config = *config;
  bind_all (b, m);
  em_binder_finish (b, NULL, NULL);
  free (m);
}

/* The checkpoint has axes of one that no use of these tensors wants. */
static void
flatten (EmTensor *t, int ndim, int64_t rows, int64_t width)
{
  *t = ndim == 1 ? em_tensor_of (t->dtype, t->data, 1, &width)
                 : em_tensor_of (t->dtype, t->data, 2, (int64_t[]){ rows, width });
}

static bool
make_tokenizer (EmModel *m, const char *source, EmError *err)
{
  const EmTensor *vocab = m->vocab_json, *merges = m->merges_txt;

  if (!m->config.has_text)
    return true;
  m->bpe = em_bpe_new (vocab->data, (size_t) em_numel (vocab), merges->data,
                       (size_t) em_numel (merges), m->config.text.vocab, source, err);
  return m->bpe != NULL;
}

bool
em_model_config_of (EmModelConfig *config, const EmWeights *w, EmError *err)
{
  const char *json = em_weights_metadata (w, "earmark.config");

  if (!json)
    return em_fail (err, EM_E_WEIGHTS,
                    "%.200s has no \"earmark.config\": it is no model package, but \"earmark-cli "
                    "weights import\" may make one of it",
                    em_weights_path (w));
  return em_model_config_parse (config, json, em_weights_path (w), err);
}

EmModel *
em_model_open (EmWeights *w, EmBackend *be, int image_size, EmError *err)
{
  EmModel *m = calloc (1, sizeof *m);

  if (!m) {
    em_fail (err, EM_E_MEMORY, "out of memory");
    return NULL;
  }
  m->be = be;
  if (!em_model_config_of (&m->config, w, err)
      || !em_model_config_resize (&m->config, image_size, err))
    goto error;
  m->side = m->config.sam2.image_size / 16;
  m->n_tokens = m->side * m->side;
  m->mask_side = m->config.sam2.image_size / 4;

  EmBinder *b = em_binder_new_load (w, be);
  bind_all (b, m);
  if (!em_binder_finish (b, &m->bound, err))
    goto error;
  if (m->config.sam2.tracks)
    flatten (m->maskmem_tpos_enc, 2, m->config.sam2.num_maskmem, m->config.sam2.mem_dim);
  flatten (m->no_mem_embed, 1, 1, m->config.sam2.d_model);
  if (make_tokenizer (m, em_weights_path (w), err) && em_model_make_tables (m, err))
    return m;

error:
  em_model_close (m);
  return NULL;
}

void
em_model_close (EmModel *m)
{
  if (!m)
    return;
  em_model_free_tables (m);
  em_bpe_free (m->bpe);
  em_bound_free (m->bound);
  free (m);
}

EmImageFeatures
em_model_encode (EmCtx *ctx, const EmModel *m, EmTensor *frames, bool fine)
{
  EmTensor *stages[EM_N_STAGES] = { em_nil (ctx), em_nil (ctx), em_nil (ctx), em_nil (ctx) };
  EmImageFeatures f;

  em_hiera_forward (ctx, &m->trunk, frames, stages);
  em_neck_forward (ctx, &m->neck, stages, fine, f.fpn);
  em_high_res (ctx, &m->mask_decoder, stages[0], stages[1], &f.s0, &f.s1);
  return f;
}

EmFused
em_model_hear (EmCtx *ctx, const EmModel *m, EmTensor *const patches[EM_N_FUSION], EmTensor *spect,
               EmTensor *text)
{
  EmTensor *audio = em_vggish_ears (ctx, &m->vggish, spect);
  EmFused fused = em_fuser_forward (ctx, &m->fuser, patches, audio, text);

  for (int s = 0; s < EM_N_FUSION; s++) {
    em_tap (ctx, fused.v[s], "fuser.V%d", s + 1);
    em_tap (ctx, fused.a[s], "fuser.A%d", s + 1);
  }
  return fused;
}

EmTensor *
em_model_no_memory (EmCtx *ctx, const EmModel *m, EmTensor *fpn2)
{
  EmTensor *x = em_reshape (ctx, fpn2, 1, m->n_tokens, m->config.sam2.d_model);

  x = em_add (ctx, x, m->no_mem_embed);
  em_tap (ctx, x, "image_embed");
  return x;
}

EmTensor *
em_model_pointer (EmCtx *ctx, const EmModel *m, EmTensor *token, EmTensor *score)
{
  EmTensor *x = em_mlp3 (ctx, &m->obj_ptr_proj, token);

  x = em_where (ctx, score, x, m->no_obj_ptr);
  em_tap (ctx, x, "obj_ptr");
  return x;
}

EmTensor *
em_model_mask_downsample (EmCtx *ctx, const EmModel *m, EmTensor *mask)
{
  int s = m->config.sam2.image_size;
  EmTensor *x = em_reshape (ctx, mask, 1, s, s, 1);

  x = em_conv2d (ctx, x, m->mask_downsample.w, m->mask_downsample.b, 4, 0, EM_ACT_NONE);
  return em_reshape (ctx, x, 1, m->mask_side, m->mask_side);
}

EmTensor *
em_model_mask_logits (EmCtx *ctx, const EmModel *m, EmTensor *mask)
{
  EmTensor *logits = em_affine (ctx, mask, 20, -10);

  return em_resize (ctx, logits, m->mask_side, m->mask_side, EM_FILTER_BILINEAR_ANTIALIAS);
}

EmTensor *
em_model_pointer_pos (EmCtx *ctx, const EmModel *m, EmTensor *lines, int n)
{
  const EmSam2Config *s = &m->config.sam2;
  int64_t per_pointer = s->d_model / s->mem_dim, rows = n * per_pointer;
  EmTensor *x;

  if (!s->add_tpos_enc_to_obj_ptrs) {
    x = em_repeat (ctx, m->no_pos, rows);
  } else {
    if (s->proj_tpos_enc_in_obj_ptrs)
      lines = em_project (ctx, &m->obj_ptr_tpos_proj, lines);
    x = em_repeat (ctx, em_reshape (ctx, lines, 1, n, s->mem_dim), per_pointer);
    x = em_permute (ctx, x, (int[]){ 1, 0, 2 }); /* a pointer's tokens lie together */
  }
  return em_reshape (ctx, x, 1, rows, s->mem_dim);
}
