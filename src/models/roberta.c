/* roberta.c - the text model. Weights keep the names of the public checkpoint. */
#include "models/roberta.h"

#define NORM_EPS 1e-5f

static void
bind_layer (EmBinder *b, EmRobertaLayer *l, const EmTextConfig *c)
{
  int d = c->hidden;

  em_bind_pair (b, &l->query, "attention.self.query", d, d);
  em_bind_pair (b, &l->key, "attention.self.key", d, d);
  em_bind_pair (b, &l->value, "attention.self.value", d, d);
  em_bind_pair (b, &l->attention_dense, "attention.output.dense", d, d);
  em_bind_pair (b, &l->attention_norm, "attention.output.LayerNorm", d);
  em_bind_pair (b, &l->intermediate, "intermediate.dense", c->ffn, d);
  em_bind_pair (b, &l->dense, "output.dense", d, c->ffn);
  em_bind_pair (b, &l->norm, "output.LayerNorm", d);
}

void
em_roberta_bind (EmBinder *b, EmRoberta *r, const EmTextConfig *config)
{
  int d = config->hidden;

  r->config = *config;
  em_bind (b, &r->word_embeddings, "embeddings.word_embeddings.weight", config->vocab, d);
  em_bind (b, &r->position_embeddings, "embeddings.position_embeddings.weight", config->positions,
           d);
  em_bind (b, &r->token_type_embeddings, "embeddings.token_type_embeddings.weight", 1, d);
  em_bind_pair (b, &r->norm, "embeddings.LayerNorm", d);
  for (int i = 0; i < config->layers; i++) {
    size_t mark = em_bind_enter (b, "encoder.layer.%d.", i);

    bind_layer (b, &r->layers[i], config);
    em_bind_leave (b, mark);
  }
  em_bind_dead_pair (b, "pooler.dense", d, d);
}

/* Rows of a table as they are asked for. */
static EmTensor *
look_up (EmCtx *ctx, const EmTensor *table, const int32_t *ids, int n)
{
  EmTensor *rows[EM_MAX_TEXT_ROWS];

  for (int i = 0; i < n; i++)
    rows[i] = em_rows_of (ctx, table, ids[i], ids[i] + 1);
  return em_concat (ctx, 0, n, rows);
}

/* Positions count from 2: the first two rows are no word's, and padding has the second. */
static EmTensor *
embed (EmCtx *ctx, const EmRoberta *r, const int32_t *ids, int n)
{
  int32_t words[EM_MAX_TEXT_ROWS], places[EM_MAX_TEXT_ROWS];
  int rows = r->config.rows, d = r->config.hidden;
  EmTensor *x;

  for (int i = 0; i < rows; i++) {
    words[i] = i < n ? ids[i] : EM_TOKEN_PAD;
    places[i] = i < n ? i + 2 : 1;
  }
  x = em_add (ctx, look_up (ctx, r->word_embeddings, words, rows),
              look_up (ctx, r->position_embeddings, places, rows));
  x = em_add (ctx, x, em_reshape (ctx, r->token_type_embeddings, d));
  return em_layer_norm (ctx, x, r->norm.w, r->norm.b, NORM_EPS);
}

static EmTensor *
project (EmCtx *ctx, const EmPair *p, EmTensor *x, EmTensor *residual)
{
  return em_linear (ctx, x, p->w, p->b, EM_ACT_NONE, residual);
}

/* x [1, rows, hidden]; the first n rows are real. Norms follow the sums. */
static EmTensor *
layer_forward (EmCtx *ctx, const EmRobertaLayer *l, EmTensor *x, int n, int n_heads)
{
  EmTensor *real = em_slice (ctx, x, 1, 0, n), *h;

  h = em_attention (ctx, project (ctx, &l->query, x, NULL), project (ctx, &l->key, real, NULL),
                    project (ctx, &l->value, real, NULL), n_heads);
  x = em_layer_norm (ctx, project (ctx, &l->attention_dense, h, x), l->attention_norm.w,
                     l->attention_norm.b, NORM_EPS);
  h = em_linear (ctx, x, l->intermediate.w, l->intermediate.b, EM_ACT_GELU, NULL);
  return em_layer_norm (ctx, project (ctx, &l->dense, h, x), l->norm.w, l->norm.b, NORM_EPS);
}

EmTensor *
em_roberta_forward (EmCtx *ctx, const EmRoberta *r, const int32_t *ids, int n)
{
  int rows = r->config.rows, d = r->config.hidden;
  EmTensor *x;
  size_t mark = em_ctx_mark (ctx);

  EM_BUG_UNLESS (n >= 1 && n <= rows);
  for (int i = 0; i < n; i++)
    EM_BUG_UNLESS (ids[i] >= 0 && ids[i] < r->config.vocab);
  x = em_reshape (ctx, embed (ctx, r, ids, n), 1, rows, d);
  em_tap (ctx, x, "text.embedded");
  for (int i = 0; i < r->config.layers; i++) {
    x = em_keep (ctx, mark, layer_forward (ctx, &r->layers[i], x, n, r->config.heads));
    em_tap (ctx, x, "text.layer%d", i);
  }
  return em_reshape (ctx, x, rows, d);
}
