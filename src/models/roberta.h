/* roberta.h - RoBERTa: the words of a sentence to rows for the fuser.
 *
 * A post-norm encoder: every row attends to every real one. A sentence is cut or padded to a fixed
 * number of rows; padding is never attended to but gets rows of its own, which the fuser takes like
 * any other, since its weights were trained so. Read-only after loading. */
#pragma once
#include "engine/ops.h"
#include "models/bpe.h"
#include "models/config.h"
#include "weights/bind.h"

typedef struct {
  EmPair query, key, value, attention_dense, attention_norm;
  EmPair intermediate, dense, norm;
} EmRobertaLayer;

typedef struct {
  EmTextConfig config;
  EmTensor *word_embeddings;       /* [vocab, hidden] */
  EmTensor *position_embeddings;   /* [positions, hidden] */
  EmTensor *token_type_embeddings; /* [1, hidden], added to every row */
  EmPair norm;
  EmRobertaLayer layers[EM_MAX_TEXT_LAYERS];
} EmRoberta;

/* Names begin at the binder's prefix: "embeddings.word_embeddings.weight" ... */
void em_roberta_bind (EmBinder *b, EmRoberta *r, const EmTextConfig *config);

/* ids: n tokens of the vocabulary, both ends included, 1 <= n <= rows -> [rows, hidden], padding
 * last. Taps text.embedded, text.layerN (from 0). */
EmTensor *em_roberta_forward (EmCtx *ctx, const EmRoberta *r, const int32_t *ids, int n);
