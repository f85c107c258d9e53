/* em-text WEIGHTS [--hidden FILE] - tokens and rows of expressions, for another implementation's to
 * be compared with.
 *
 * WEIGHTS has the tensors of a package's text part, and metadata "text": that section of its
 * configuration. Expressions come on stdin, each ended by a NUL, and are answered by a line of
 * tokens, or of "!" and what is wrong. FILE takes the last layer's rows of all that were read, f32
 * [expressions, rows, hidden] without a head. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "engine/threads.h"
#include "models/bpe.h"
#include "models/roberta.h"

typedef struct {
  EmWeights *weights;
  EmBackend *be;
  EmCtx *ctx;
  EmBound *bound;
  EmRoberta roberta;
  const EmTensor *vocab, *merges;
  EmBpe *bpe;
} Reader;

static bool
read_config (const EmWeights *w, EmTextConfig *c, EmError *err)
{
  const char *json = em_weights_metadata (w, "text");
  json_t *root = json ? em_json_parse (json, strlen (json), "text", EM_E_WEIGHTS, err) : NULL;
  bool good = root
              && json_unpack (root, "{s:i,s:i,s:i,s:i,s:i,s:i,s:i}", "layers", &c->layers, "hidden",
                              &c->hidden, "heads", &c->heads, "ffn", &c->ffn, "vocab", &c->vocab,
                              "positions", &c->positions, "rows", &c->rows)
                     == 0
              && c->layers <= EM_MAX_TEXT_LAYERS && c->rows <= EM_MAX_TEXT_ROWS;

  json_decref (root);
  return good || em_fail (err, EM_E_WEIGHTS, "metadata has no sound \"text\"");
}

static bool
open_reader (Reader *r, const char *path, EmError *err)
{
  EmTextConfig config;
  EmBinder *b;

  if (!(r->weights = em_weights_open (path, err)) || !read_config (r->weights, &config, err)
      || !(r->be = em_backend_open ("cpu", err)) || !(r->ctx = em_ctx_new (r->be, err)))
    return false;
  b = em_binder_new_load (r->weights, r->be);
  em_bind_enter (b, "text.");
  em_roberta_bind (b, &r->roberta, &config);
  em_bind_bytes (b, &r->vocab, "vocab_json");
  em_bind_bytes (b, &r->merges, "merges_txt");
  return em_binder_finish (b, &r->bound, err)
         && (r->bpe = em_bpe_new (r->vocab->data, (size_t) em_numel (r->vocab), r->merges->data,
                                  (size_t) em_numel (r->merges), config.vocab, path, err));
}

static bool
answer (Reader *r, const char *text, FILE *hidden, EmError *err)
{
  const EmTextConfig *c = &r->roberta.config;
  EmError refused = EM_ERROR_INIT;
  int32_t ids[EM_MAX_TEXT_ROWS];
  int n = em_bpe_encode (r->bpe, text, ids, c->rows, &refused);
  size_t n_values = (size_t) c->rows * (size_t) c->hidden;
  float *values;
  bool good;

  if (!n) {
    printf ("! %s\n", refused.text);
    return true;
  }
  for (int i = 0; i < n; i++)
    printf ("%d%c", ids[i], i + 1 < n ? ' ' : '\n');
  if (!hidden)
    return true;
  values = malloc (n_values * sizeof *values);
  em_download (r->ctx, values, em_roberta_forward (r->ctx, &r->roberta, ids, n));
  good = em_ctx_end_pass (r->ctx, err)
         && (fwrite (values, sizeof *values, n_values, hidden) == n_values
             || em_fail (err, EM_E_INPUT, "the rows cannot be written"));
  free (values);
  return good;
}

int
main (int argc, char **argv)
{
  bool with_rows = argc == 4 && strcmp (argv[2], "--hidden") == 0;
  EmError err = EM_ERROR_INIT;
  FILE *hidden = NULL;
  char *text = NULL;
  size_t room = 0;
  Reader r = { 0 };

  em_threads_sleep_when_idle (argv);
  if (argc != 2 && !with_rows) {
    fprintf (stderr, "usage: em-text WEIGHTS [--hidden FILE] < EXPRESSIONS\n");
    return em_exit_code (EM_E_USAGE);
  }
  if (open_reader (&r, argv[1], &err) && with_rows && !(hidden = fopen (argv[3], "wb")))
    em_fail (&err, EM_E_INPUT, "%s cannot be written", argv[3]);
  while (err.code == EM_OK && getdelim (&text, &room, 0, stdin) >= 0)
    answer (&r, text, hidden, &err);
  if (hidden && fclose (hidden) != 0)
    em_fail (&err, EM_E_INPUT, "%s cannot be written", argv[3]);
  free (text);
  em_bpe_free (r.bpe);
  em_bound_free (r.bound);
  em_ctx_free (r.ctx);
  em_backend_close (r.be);
  em_weights_close (r.weights);
  if (err.code != EM_OK)
    fprintf (stderr, "em-text: %s\n", err.text);
  return em_exit_code (err.code);
}
