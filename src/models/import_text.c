/* import_text.c - RoBERTa as Hugging Face's transformers name it, alone or under a language model's
 * head, whose own tensors are left out. */
#include <string.h>
#include "models/import_private.h"

static const EmRename names[] = {
  { "roberta.embeddings.*", "embeddings.*" },
  { "roberta.encoder.layer.*", "encoder.layer.*" },
  { "roberta.pooler.*", "pooler.*" },
  { "embeddings.*", "embeddings.*" },
  { "encoder.layer.*", "encoder.layer.*" },
  { "pooler.*", "pooler.*" },
  { 0 },
};

static const EmHfFixed fixed[] = {
  { "hidden_act", 0, "gelu" },
  { "layer_norm_eps", 1e-5 },
  { "position_embedding_type", 0, "absolute" },
  { "type_vocab_size", 1 },
  { "bos_token_id", 0 },
  { "pad_token_id", 1 },
  { "eos_token_id", 2 },
  { 0 },
};

bool
em_import_text_name (const char *name, char *out, size_t bytes)
{
  return em_import_rename (names, "text.", name, out, bytes);
}

/* Heads of 64, as all published ones have; sentences of 25, as the fuser was trained. */
json_t *
em_import_infer_text (const EmImport *im, const EmWeights *w, EmError *err)
{
  const json_t *heads = em_import_value (im->hf_text.json, "num_attention_heads");
  int hidden = em_import_dim (w, "text.embeddings.word_embeddings.weight", 1);
  json_t *text;

  if (im->hf_text.json && !em_import_check_fixed (&im->hf_text, fixed, err))
    return NULL;
  text = json_pack (
      "{s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "layers",
      em_import_count (w, "text.encoder.layer.", ".output.dense.weight", EM_MAX_TEXT_LAYERS + 1),
      "hidden", hidden, "heads", hidden / 64, "ffn",
      em_import_dim (w, "text.encoder.layer.0.intermediate.dense.weight", 0), "vocab",
      em_import_dim (w, "text.embeddings.word_embeddings.weight", 0), "positions",
      em_import_dim (w, "text.embeddings.position_embeddings.weight", 0), "rows", 25);
  EM_BUG_UNLESS (text);
  if (heads)
    json_object_set_new (text, "heads", json_deep_copy (heads));
  return text;
}
