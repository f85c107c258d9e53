/* tables.c - what is computed once, from weights and image size: on the host, then copied to the
 * backend in one block. */
#include "models/tables.h"
#include <stdlib.h>
#include <string.h>

enum {
  T_POS,
  T_KINDS,
  T_DENSE_PE,
  T_IMAGE_PE,
  T_MEMORY_PE,
  T_ROPE,
  T_NO_POS,
  T_TOKEN_POS,
  T_HIGH_RES,                    /* two pairs */
  T_VALUES = T_HIGH_RES + 2 * 2, /* a pair per layer of memory attention */
  N_TABLES = T_VALUES + 2 * EM_MAX_LAYERS
};

struct EmModelTables {
  EmTensor tensors[N_TABLES]; /* in the compute type, but T_ROPE, whose op wants f32 */
  void *memory;
  size_t n_memory;
  bool held; /* promised to the backend */
};

/* Weights as floats of the host; the caller frees. */
static float *
to_host (EmBackend *be, const EmTensor *t, EmError *err)
{
  size_t bytes = em_numel (t) * em_dtype_bytes (t->dtype);
  float *out = malloc (em_numel (t) * sizeof *out);
  void *raw = malloc (bytes);
  bool good = out && raw;

  if (!good)
    em_fail (err, EM_E_MEMORY, "out of memory");
  else if ((good = be->download (be, raw, t->data, bytes)))
    em_to_f32 (out, raw, t->dtype, em_numel (t));
  else
    em_fail (err, EM_E_DEVICE, "weights cannot be read back from %s", be->name);
  free (raw);
  if (!good) {
    free (out);
    out = NULL;
  }
  return out;
}

static bool
make_positions (EmModel *m, float *out, EmError *err)
{
  const EmTrunkConfig *t = &m->config.sam2.trunk;
  float *background = to_host (m->be, m->trunk.pos_embed, err);
  float *window = to_host (m->be, m->trunk.pos_embed_window, err);

  if (background && window)
    em_hiera_positions (out, m->mask_side, t->embed_dim, background, t->bkg[0], t->bkg[1], window,
                        t->window_spec[0]);
  free (background);
  free (window);
  return background && window;
}

static bool
make_kinds (EmModel *m, float *out, EmError *err)
{
  const EmPromptEncoder *p = &m->prompt_encoder;

  for (int i = 0; i < 5; i++) {
    float *row = to_host (m->be, i ? p->point_embeddings[i - 1] : p->not_a_point, err);

    if (!row)
      return false;
    memcpy (out + i * p->d, row, p->d * sizeof *row);
    free (row);
  }
  return true;
}

/* By the op that encodes points, so that both agree. */
static bool
make_dense_pe (EmModel *m, float *out, EmError *err)
{
  const EmPromptEncoder *p = &m->prompt_encoder;
  EmCtx *ctx = em_ctx_new (m->be, err);
  float *xy = malloc (2 * sizeof *xy * m->n_tokens);
  bool ok = ctx && (xy || em_fail (err, EM_E_MEMORY, "out of memory"));

  for (int i = 0; ok && i < m->n_tokens; i++) {
    xy[2 * i] = (i % m->side + 0.5f) / m->side;
    xy[2 * i + 1] = (i / m->side + 0.5f) / m->side;
  }
  if (ok) {
    EmTensor *at = em_upload (ctx, xy, 2, (int64_t[]){ m->n_tokens, 2 });

    em_download (ctx, out,
                 em_fourier (ctx, at, p->image_gaussian ? p->image_gaussian : p->gaussian));
    ok = em_ctx_end_pass (ctx, err);
  }
  em_ctx_free (ctx);
  free (xy);
  return ok;
}

/* Two linear layers in one: Wo (Wi x + bi) + bo = (Wo Wi) x + (Wo bi + bo). `w` [rows, cols]. */
static bool
compose (EmModel *m, const EmPair *outer, const EmPair *inner, float *w, float *b, EmError *err)
{
  int64_t rows = outer->w->shape[0], mid = outer->w->shape[1], cols = inner->w->shape[1];
  float *wo = to_host (m->be, outer->w, err), *bo = to_host (m->be, outer->b, err);
  float *wi = to_host (m->be, inner->w, err), *bi = to_host (m->be, inner->b, err);
  double *sum = malloc (sizeof *sum * cols);
  bool ok = wo && bo && wi && bi && (sum || em_fail (err, EM_E_MEMORY, "out of memory"));

  for (int64_t i = 0; ok && i < rows; i++) {
    double bias = bo[i];

    memset (sum, 0, sizeof *sum * cols);
    for (int64_t k = 0; k < mid; k++) {
      bias += (double) wo[i * mid + k] * bi[k];
      for (int64_t j = 0; j < cols; j++)
        sum[j] += (double) wo[i * mid + k] * wi[k * cols + j];
    }
    b[i] = (float) bias;
    for (int64_t j = 0; j < cols; j++)
      w[i * cols + j] = (float) sum[j];
  }
  free (wo);
  free (bo);
  free (wi);
  free (bi);
  free (sum);
  return ok;
}

/* The decoder's skips straight from the trunk, and cross attention's values with its output: its
 * softmax rows sum to 1, so Wo (A (Wv m + bv)) + bo is Wo (Wv (A m) + bv) + bo. */
static bool
make_composed (EmModel *m, float *const high_res[4], float *const values[2 * EM_MAX_LAYERS],
               EmError *err)
{
  const EmMaskDecoder *d = &m->mask_decoder;
  bool ok
      = compose (m, &d->conv_s0, &m->neck.convs[EM_N_STAGES - 1], high_res[0], high_res[1], err)
        && compose (m, &d->conv_s1, &m->neck.convs[EM_N_STAGES - 2], high_res[2], high_res[3], err);

  for (int i = 0; ok && i < m->memory_attention.n_layers; i++) {
    const EmAttention *a = &m->memory_attention.layers[i].cross_attn;

    ok = compose (m, &a->out, &a->v, values[2 * i], values[2 * i + 1], err);
  }
  return ok;
}

static void
shape_tables (EmModel *m)
{
  EmTensor *t = m->tables->tensors;
  int64_t n = m->n_tokens, d = m->config.sam2.d_model, mem = m->config.sam2.mem_dim;

  t[T_POS] = em_tensor_f32 (NULL, m->mask_side, m->mask_side, m->config.sam2.trunk.embed_dim);
  t[T_KINDS] = em_tensor_f32 (NULL, 5, d);
  t[T_DENSE_PE] = em_tensor_f32 (NULL, n, d);
  t[T_IMAGE_PE] = em_tensor_f32 (NULL, n, d);
  t[T_MEMORY_PE] = em_tensor_f32 (NULL, n, mem);
  t[T_ROPE] = em_tensor_f32 (NULL, n, d / 2, 2);
  t[T_NO_POS] = em_tensor_f32 (NULL, 1, mem);
  t[T_TOKEN_POS] = em_tensor_f32 (NULL, d);
  for (int i = 0; i < 2; i++) {
    EmTensor *w = &t[T_HIGH_RES + 2 * i];
    int64_t rows = d / (i ? 4 : 8);

    w[0] = em_tensor_f32 (NULL, rows, (int64_t) m->config.sam2.trunk.embed_dim << i);
    w[1] = em_tensor_f32 (NULL, rows);
    *(i ? &m->mask_decoder.s1 : &m->mask_decoder.s0) = (EmPair){ &w[0], &w[1] };
  }
  for (int i = 0; i < EM_MAX_LAYERS; i++) {
    bool there = i < m->memory_attention.n_layers;

    t[T_VALUES + 2 * i] = em_tensor_f32 (NULL, there ? d : 0, mem);
    t[T_VALUES + 2 * i + 1] = em_tensor_f32 (NULL, there ? d : 0);
    m->memory_attention.layers[i].values
        = (EmPair){ &t[T_VALUES + 2 * i], &t[T_VALUES + 2 * i + 1] };
  }
  m->trunk.pos = &t[T_POS];
  m->prompt_encoder.kinds = &t[T_KINDS];
  m->prompt_encoder.dense_pe = &t[T_DENSE_PE];
  m->image_pe = &t[T_IMAGE_PE];
  m->memory_pe = &t[T_MEMORY_PE];
  m->memory_attention.rope = &t[T_ROPE];
  m->no_pos = &t[T_NO_POS];
  m->fuser.pos = m->image_pe;
  m->fuser.token_pos = &t[T_TOKEN_POS];
}

/* All tables on the host, f32, each at its place. */
static bool
make_all (EmModel *m, float *const at[N_TABLES], EmError *err)
{
  const EmSam2Config *config = &m->config.sam2;
  bool ok = make_positions (m, at[T_POS], err) && make_kinds (m, at[T_KINDS], err)
            && make_dense_pe (m, at[T_DENSE_PE], err)
            && make_composed (m, at + T_HIGH_RES, at + T_VALUES, err);

  if (!ok)
    return false;
  em_sine_grid (at[T_IMAGE_PE], m->side, m->side, config->d_model);
  em_sine_grid (at[T_MEMORY_PE], m->side, m->side, config->mem_dim);
  em_rope_grid (at[T_ROPE], m->side, config->d_model);
  em_fuser_token_position (at[T_TOKEN_POS], config->d_model);
  return true; /* T_NO_POS stays zero */
}

/* Copies them to the backend in one block, in its types. */
static bool
place_all (EmModel *m, float *const host[N_TABLES], EmError *err)
{
  EmBackend *be = m->be;
  EmTensor *t = m->tables->tensors;
  size_t at[N_TABLES], bytes = 0;
  char *packed;
  bool ok;

  for (int i = 0; i < N_TABLES; i++) {
    t[i].dtype = i == T_ROPE ? EM_F32 : be->compute;
    at[i] = bytes;
    bytes += (em_numel (&t[i]) * em_dtype_bytes (t[i].dtype) + 63) / 64 * 64;
  }
  packed = calloc (1, bytes);
  m->tables->memory = be->alloc (be, bytes);
  m->tables->n_memory = bytes;
  ok = (packed && m->tables->memory)
       || em_fail (err, EM_E_MEMORY, "no room for tables on %s", be->name);
  for (int i = 0; ok && i < N_TABLES; i++) {
    em_of_f32 (packed + at[i], t[i].dtype, host[i], em_numel (&t[i]));
    t[i].data = (char *) m->tables->memory + at[i];
  }
  ok = ok
       && (be->upload (be, m->tables->memory, packed, bytes)
           || em_fail (err, EM_E_DEVICE, "tables cannot be copied to %s", be->name));
  if (ok)
    be->hold (be, m->tables->memory, bytes, false);
  m->tables->held = ok;
  free (packed);
  return ok;
}

bool
em_model_make_tables (EmModel *m, EmError *err)
{
  float *host[N_TABLES], *all;
  int64_t n = 0;
  bool ok;

  m->tables = calloc (1, sizeof *m->tables);
  if (!m->tables)
    return em_fail (err, EM_E_MEMORY, "out of memory");
  shape_tables (m);
  for (int i = 0; i < N_TABLES; i++)
    n += em_numel (&m->tables->tensors[i]);
  all = calloc ((size_t) n, sizeof *all);
  if (!all)
    return em_fail (err, EM_E_MEMORY, "out of memory");
  n = 0;
  for (int i = 0; i < N_TABLES; i++) {
    host[i] = all + n;
    n += em_numel (&m->tables->tensors[i]);
  }
  ok = make_all (m, host, err) && place_all (m, host, err);
  free (all);
  return ok;
}

void
em_model_free_tables (EmModel *m)
{
  if (m->tables && m->tables->held)
    m->be->let_go (m->be, m->tables->memory, m->tables->n_memory);
  if (m->tables && m->tables->memory)
    m->be->free (m->be, m->tables->memory, m->tables->n_memory);
  free (m->tables);
}
