/* golden_text.c - expressions to tokens, and a few of them to rows. Vocabulary and expressions are
 * in the metadata, the weights are drawn. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "models/bpe.h"
#include "models/roberta.h"
#include "part.h"
#include "runners.h"

typedef struct {
  EmTextConfig config;
  EmRoberta roberta;
} Text;

static void
bind_text (EmBinder *b, void *self)
{
  Text *text = self;
  size_t mark = em_bind_enter (b, "text.");

  em_roberta_bind (b, &text->roberta, &text->config);
  em_bind_leave (b, mark);
}

static json_t *
parse_meta (const Golden *g, const char *key, EmError *err)
{
  const char *text = golden_meta (g, key);

  if (text)
    return em_json_parse (text, strlen (text), key, EM_E_INPUT, err);
  em_fail (err, EM_E_INPUT, "metadata has no \"%s\"", key);
  return NULL;
}

static bool
read_config (const Golden *g, EmTextConfig *c, EmError *err)
{
  json_t *root = parse_meta (g, "text", err);
  bool good = root
              && json_unpack (root, "{s:i,s:i,s:i,s:i,s:i,s:i,s:i}", "layers", &c->layers, "hidden",
                              &c->hidden, "heads", &c->heads, "ffn", &c->ffn, "vocab", &c->vocab,
                              "positions", &c->positions, "rows", &c->rows)
                     == 0
              && c->layers >= 1 && c->layers <= EM_MAX_TEXT_LAYERS && c->rows >= 2
              && c->rows <= EM_MAX_TEXT_ROWS && c->hidden >= 1 && c->heads >= 1
              && c->hidden % c->heads == 0 && c->ffn >= 1 && c->vocab >= 4
              && c->positions >= c->rows + 2;

  json_decref (root);
  return good || em_fail (err, EM_E_INPUT, "metadata has no sound \"text\"");
}

/* The rows of expression i, if the file has them. */
static bool
compare_rows (Golden *g, GoldenPart *part, const Text *text, size_t i, const int32_t *ids, int n,
              EmError *err)
{
  char key[32];

  snprintf (key, sizeof key, "rows.%zu", i);
  if (!golden_has (g, key))
    return true;
  golden_compare_tensor (g, part->ctx, key, em_roberta_forward (part->ctx, &text->roberta, ids, n),
                         true);
  return em_ctx_end_pass (part->ctx, err);
}

static bool
compare_all (Golden *g, GoldenPart *part, const Text *text, const EmBpe *bpe,
             const json_t *expressions, EmError *err)
{
  size_t n = json_array_size (expressions), rows = (size_t) text->config.rows;
  float *tokens = calloc (n * rows + 1, sizeof *tokens);
  bool good = true;

  for (size_t i = 0; good && i < n; i++) {
    const char *utf8 = json_string_value (json_array_get (expressions, i));
    int32_t ids[EM_MAX_TEXT_ROWS];
    int n_ids = utf8 ? em_bpe_encode (bpe, utf8, ids, (int) rows, err) : 0;

    for (size_t k = 0; k < rows; k++)
      tokens[i * rows + k] = (float) ((int) k < n_ids ? ids[k] : EM_TOKEN_PAD);
    good = n_ids > 0 && compare_rows (g, part, text, i, ids, n_ids, err);
  }
  if (good)
    golden_compare_within (g, "ids", tokens, (int64_t) (n * rows), 0, true);
  free (tokens);
  return good;
}

bool
golden_run_text (Golden *g, EmError *err)
{
  const char *vocab = golden_meta (g, "vocab_json"), *merges = golden_meta (g, "merges_txt");
  json_t *expressions = parse_meta (g, "expressions", err);
  GoldenPart part = { 0 };
  EmBpe *bpe = NULL;
  Text text;
  bool good;

  if (!vocab || !merges)
    em_fail (err, EM_E_INPUT, "metadata has no vocab_json and merges_txt");
  good = expressions && vocab && merges && read_config (g, &text.config, err)
         && (bpe = em_bpe_new (vocab, strlen (vocab), merges, strlen (merges), text.config.vocab,
                               golden_name (g), err))
         && golden_part_open (&part, g, bind_text, &text, err)
         && compare_all (g, &part, &text, bpe, expressions, err);
  golden_part_close (&part);
  em_bpe_free (bpe);
  json_decref (expressions);
  return good;
}
