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
  T_VALUES, /* two per layer of memory attention */
  N_TABLES = T_VALUES + 2 * EM_MAX_LAYERS
};

struct EmModelTables {
  EmTensor tensors[N_TABLES];
  void *memory;
  size_t n_memory;
  bool held; /* promised to the backend */
};

/* Weights as floats of the host; the caller frees. */
static float *
to_host (EmBackend *be, const EmTensor *t, EmError *err)
{
  float *out = malloc (em_numel (t) * sizeof *out);

  if (!out) {
    em_fail (err, EM_E_DEVICE, "out of memory");
  } else if (!be->download (be, out, t->data, em_numel (t) * sizeof *out)) {
    em_fail (err, EM_E_DEVICE, "weights cannot be read back from %s", be->name);
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
  bool ok = ctx && (xy || em_fail (err, EM_E_DEVICE, "out of memory"));

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

/* Cross attention of a layer, values and output in one: with softmax rows that sum to 1,
 * Wo (A (Wv m + bv)) + bo = (Wo Wv) (A m) + (Wo bv + bo). `w` [d, m], `b` [d]. */
static bool
make_values (EmModel *m, const EmAttention *a, float *w, float *b, EmError *err)
{
  int d = m->config.sam2.d_model, mem = m->config.sam2.mem_dim;
  float *wo = to_host (m->be, a->out.w, err), *bo = to_host (m->be, a->out.b, err);
  float *wv = to_host (m->be, a->v.w, err), *bv = to_host (m->be, a->v.b, err);
  bool ok = wo && bo && wv && bv;

  for (int i = 0; ok && i < d; i++) {
    double bias = bo[i];

    for (int k = 0; k < d; k++)
      bias += (double) wo[i * d + k] * bv[k];
    b[i] = (float) bias;
    for (int j = 0; j < mem; j++) {
      double sum = 0;

      for (int k = 0; k < d; k++)
        sum += (double) wo[i * d + k] * wv[k * mem + j];
      w[i * mem + j] = (float) sum;
    }
  }
  free (wo);
  free (bo);
  free (wv);
  free (bv);
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

bool
em_model_make_tables (EmModel *m, EmError *err)
{
  EmBackend *be = m->be;
  size_t at[N_TABLES], bytes = 0;
  EmTensor *t;
  bool ok;

  m->tables = calloc (1, sizeof *m->tables);
  if (!m->tables)
    return em_fail (err, EM_E_DEVICE, "out of memory");
  shape_tables (m);
  t = m->tables->tensors;
  for (int i = 0; i < N_TABLES; i++) {
    at[i] = bytes;
    bytes += (em_numel (&t[i]) * sizeof (float) + 63) / 64 * 64;
  }

  char *host = calloc (1, bytes);
  m->tables->memory = be->reserve (be, bytes);
  m->tables->n_memory = bytes;
  ok = (host && m->tables->memory)
       || em_fail (err, EM_E_DEVICE, "no room for tables on %s", be->name);
#define TABLE(i) ((float *) (host + at[i])) /* T_NO_POS stays zero */
  ok = ok && make_positions (m, TABLE (T_POS), err) && make_kinds (m, TABLE (T_KINDS), err)
       && make_dense_pe (m, TABLE (T_DENSE_PE), err);
  for (int i = 0; ok && i < m->memory_attention.n_layers; i++)
    ok = make_values (m, &m->memory_attention.layers[i].cross_attn, TABLE (T_VALUES + 2 * i),
                      TABLE (T_VALUES + 2 * i + 1), err);
  if (ok) {
    em_sine_grid (TABLE (T_IMAGE_PE), m->side, m->side, m->config.sam2.d_model);
    em_sine_grid (TABLE (T_MEMORY_PE), m->side, m->side, m->config.sam2.mem_dim);
    em_rope_grid (TABLE (T_ROPE), m->side, m->config.sam2.d_model);
    em_fuser_token_position (TABLE (T_TOKEN_POS), m->config.sam2.d_model);
    ok = be->upload (be, m->tables->memory, host, bytes)
         || em_fail (err, EM_E_DEVICE, "tables cannot be copied to %s", be->name);
  }
#undef TABLE
  for (int i = 0; ok && i < N_TABLES; i++)
    t[i].data = (char *) m->tables->memory + at[i];
  if (ok)
    be->hold (be, m->tables->memory, bytes, false);
  m->tables->held = ok;
  free (host);
  return ok;
}

void
em_model_free_tables (EmModel *m)
{
  if (m->tables && m->tables->held)
    m->be->let_go (m->be, m->tables->memory, m->tables->n_memory);
  if (m->tables && m->tables->memory)
    m->be->unreserve (m->be, m->tables->memory, m->tables->n_memory);
  free (m->tables);
}
