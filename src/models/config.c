/* config.c - "earmark.config" to an EmModelConfig: rows of a table per JSON object, then what must
 * fit together. */
#include "models/config.h"
#include <stdio.h>
#include <string.h>
#include "base/json.h"

/* One whole number, or a row of them, of an object. */
typedef struct {
  const char *key;
  size_t offset; /* into EmModelConfig */
  int n;         /* 0: a number; else an array of exactly n */
  int low, high;
} Row;

#define ONE(key, field, low, high)                                                                 \
  {                                                                                                \
    key, offsetof (EmModelConfig, field), 0, low, high                                             \
  }
#define MANY(key, field, n, low, high)                                                             \
  {                                                                                                \
    key, offsetof (EmModelConfig, field), n, low, high                                             \
  }

static const Row sam2_rows[] = {
  ONE ("image_size", sam2.image_size, 64, 4096),
  ONE ("d_model", sam2.d_model, 8, 1024),
  ONE ("mem_dim", sam2.mem_dim, 4, 1024),
  ONE ("num_maskmem", sam2.num_maskmem, 1, EM_MAX_MASKMEM),
  ONE ("max_obj_ptrs_in_encoder", sam2.max_obj_ptrs_in_encoder, 1, 64),
  { 0 },
};
static const Row trunk_rows[] = {
  ONE ("embed_dim", sam2.trunk.embed_dim, 4, 512),
  ONE ("num_heads", sam2.trunk.num_heads, 1, 64),
  MANY ("stages", sam2.trunk.stages, EM_N_STAGES, 1, EM_MAX_BLOCKS),
  MANY ("window_spec", sam2.trunk.window_spec, EM_N_STAGES, 1, 64),
  MANY ("window_pos_embed_bkg_spatial_size", sam2.trunk.bkg, 2, 1, 64),
  { 0 },
};
static const Row decoder_rows[] = {
  ONE ("depth", sam2.mask_decoder.depth, 1, EM_MAX_LAYERS),
  ONE ("num_heads", sam2.mask_decoder.num_heads, 1, 64),
  ONE ("mlp_dim", sam2.mask_decoder.mlp_dim, 1, 16384),
  ONE ("iou_head_depth", sam2.mask_decoder.iou_head_depth, 3, 3),
  ONE ("iou_head_hidden_dim", sam2.mask_decoder.iou_head_hidden_dim, 1, 4096),
  { 0 },
};
static const Row attention_rows[] = {
  ONE ("num_layers", sam2.memory_attention.num_layers, 1, EM_MAX_LAYERS),
  ONE ("dim_feedforward", sam2.memory_attention.dim_feedforward, 1, 16384),
  { 0 },
};
static const Row encoder_rows[] = {
  ONE ("fuser_layers", sam2.memory_encoder.fuser_layers, 1, EM_MAX_LAYERS),
  { 0 },
};
static const Row vgg_rows[] = {
  MANY ("channels", vgg.channels, EM_N_VGG_STAGES, 1, 2048),
  ONE ("fc", vgg.fc, 1, 16384),
  ONE ("embedding", vgg.embedding, 1, 2048),
  { 0 },
};
static const Row fuser_rows[] = {
  ONE ("dim", fuser.dim, 4, 1024),
  ONE ("inner", fuser.inner, 1, 1024),
  ONE ("num_heads", fuser.num_heads, 1, 64),
  ONE ("mlp_ratio", fuser.mlp_ratio, 1, 16),
  ONE ("sr_ratio", fuser.sr_ratio, 1, 64),
  MANY ("f_depths", fuser.f_depths, EM_N_FUSION, 1, EM_MAX_DEPTH),
  MANY ("a_depths", fuser.a_depths, EM_N_FUSION, 1, EM_MAX_DEPTH),
  ONE ("T", fuser.window, 1, 64),
  { 0 },
};

static const Row text_rows[] = {
  ONE ("layers", text.layers, 1, EM_MAX_TEXT_LAYERS),
  ONE ("hidden", text.hidden, 4, 4096),
  ONE ("heads", text.heads, 1, 64),
  ONE ("ffn", text.ffn, 1, 16384),
  ONE ("vocab", text.vocab, 4, 1 << 20),
  ONE ("positions", text.positions, 5, 1 << 16),
  ONE ("rows", text.rows, 3, EM_MAX_TEXT_ROWS),
  { 0 },
};

/* Every mistake of a configuration is told the same way: package, object, what. */
typedef struct {
  const char *source;
  EmError *err;
} Reader;

static bool
wrong (const Reader *r, const char *where, const char *what)
{
  return em_fail (r->err, EM_E_WEIGHTS, "%.160s: the configuration's %s: %.200s", r->source, where,
                  what);
}

static bool
read_row (const Reader *r, const json_t *object, const char *where, const Row *row, int *out)
{
  const json_t *array = json_object_get (object, row->key);
  EmError why = EM_ERROR_INIT;
  char text[160];
  long long value;

  if (!row->n) {
    if (!em_json_int (object, row->key, row->low, row->high, &value, EM_E_WEIGHTS, &why))
      return wrong (r, where, why.text);
    *out = (int) value;
    return true;
  }
  snprintf (text, sizeof text, "\"%s\" is not %d whole numbers of %d to %d", row->key, row->n,
            row->low, row->high);
  if (json_array_size (array) != (size_t) row->n)
    return wrong (r, where, text);
  for (int i = 0; i < row->n; i++) {
    const json_t *item = json_array_get (array, i);

    if (!json_is_integer (item) || json_integer_value (item) < row->low
        || json_integer_value (item) > row->high)
      return wrong (r, where, text);
    out[i] = (int) json_integer_value (item);
  }
  return true;
}

/* The member `key` of `parent` ("" is `parent` itself), its rows filled in. */
static const json_t *
read_object (const Reader *r, const json_t *parent, const char *key, const char *where,
             const Row *rows, EmModelConfig *c)
{
  const json_t *object = *key ? json_object_get (parent, key) : parent;

  if (!json_is_object (object)) {
    wrong (r, where, object ? "is no object" : "is missing");
    return NULL;
  }
  for (; rows->key; rows++)
    if (!read_row (r, object, where, rows, (int *) ((char *) c + rows->offset)))
      return NULL;
  return object;
}

static bool
read_flag (const Reader *r, const json_t *object, const char *key, bool *out)
{
  const json_t *v = json_object_get (object, key);
  char text[96];

  if (!json_is_boolean (v)) {
    snprintf (text, sizeof text, "\"%s\" is neither true nor false", key);
    return wrong (r, "sam2", text);
  }
  *out = json_is_true (v);
  return true;
}

/* A string of less than `bytes`; missing is "" unless `required`. */
static bool
read_text (const Reader *r, const json_t *object, const char *key, bool required, char *out,
           size_t bytes)
{
  const json_t *v = json_object_get (object, key);
  char text[96];

  out[0] = 0;
  if (!v && !required)
    return true;
  if (!json_is_string (v) || json_string_length (v) >= bytes) {
    snprintf (text, sizeof text, "is not a string of less than %zu bytes", bytes);
    return wrong (r, key, text);
  }
  memcpy (out, json_string_value (v), json_string_length (v) + 1);
  return true;
}

static bool
read_global_blocks (const Reader *r, const json_t *trunk, EmTrunkConfig *t)
{
  const json_t *list = json_object_get (trunk, "global_att_blocks");
  int n_blocks = 0;

  for (int i = 0; i < EM_N_STAGES; i++)
    n_blocks += t->stages[i];
  if (n_blocks > EM_MAX_BLOCKS)
    return wrong (r, "sam2.trunk", "\"stages\" has too many blocks");
  if (!json_is_array (list) || json_array_size (list) > (size_t) n_blocks)
    return wrong (r, "sam2.trunk", "\"global_att_blocks\" is not a list of blocks");
  t->n_global = (int) json_array_size (list);
  for (int i = 0; i < t->n_global; i++) {
    const json_t *item = json_array_get (list, i);

    if (!json_is_integer (item) || json_integer_value (item) < 0
        || json_integer_value (item) >= n_blocks)
      return wrong (r, "sam2.trunk", "\"global_att_blocks\" names a block that is not there");
    t->global_att_blocks[i] = (int) json_integer_value (item);
  }
  return true;
}

/* A model for single pictures has neither half. */
static bool
read_memory (const Reader *r, const json_t *sam2, EmModelConfig *c)
{
  c->sam2.tracks = json_object_get (sam2, "memory_attention") != NULL;
  if (c->sam2.tracks != (json_object_get (sam2, "memory_encoder") != NULL))
    return wrong (r, "sam2",
                  "has one of \"memory_attention\" and \"memory_encoder\" without the other");
  return !c->sam2.tracks
         || (read_object (r, sam2, "memory_attention", "sam2.memory_attention", attention_rows, c)
             && read_object (r, sam2, "memory_encoder", "sam2.memory_encoder", encoder_rows, c));
}

static bool
read_sam2 (const Reader *r, const json_t *root, EmModelConfig *c)
{
  const json_t *sam2 = read_object (r, root, "sam2", "sam2", sam2_rows, c);
  const json_t *trunk = sam2 ? read_object (r, sam2, "trunk", "sam2.trunk", trunk_rows, c) : NULL;
  EmSam2Config *s = &c->sam2;

  if (!trunk || !read_global_blocks (r, trunk, &s->trunk)
      || !read_object (r, sam2, "mask_decoder", "sam2.mask_decoder", decoder_rows, c)
      || !read_memory (r, sam2, c)
      || !read_flag (r, sam2, "add_tpos_enc_to_obj_ptrs", &s->add_tpos_enc_to_obj_ptrs)
      || !read_flag (r, sam2, "proj_tpos_enc_in_obj_ptrs", &s->proj_tpos_enc_in_obj_ptrs)
      || !read_flag (r, sam2, "no_obj_embed_spatial", &s->no_obj_embed_spatial)
      || (json_object_get (sam2, "image_pe_layer")
          && !read_flag (r, sam2, "image_pe_layer", &s->image_pe_layer)))
    return false;

  const char *version = json_string_value (json_object_get (sam2, "version"));
  if (!version || (strcmp (version, "2.0") != 0 && strcmp (version, "2.1") != 0))
    return wrong (r, "sam2", "\"version\" is neither \"2.0\" nor \"2.1\"");
  s->v21 = strcmp (version, "2.1") == 0;
  return true;
}

static bool
read_hearing (const Reader *r, const json_t *root, EmModelConfig *c)
{
  c->has_vgg = json_object_get (root, "vgg") != NULL;
  c->has_fuser = json_object_get (root, "fuser") != NULL;
  if (c->has_vgg != c->has_fuser)
    return wrong (r, c->has_vgg ? "vgg" : "fuser", "is there without its other half");
  if (!c->has_fuser)
    return true;
  if (!read_object (r, root, "vgg", "vgg", vgg_rows, c))
    return false;

  const json_t *fuser = read_object (r, root, "fuser", "fuser", fuser_rows, c);
  const char *cond = json_string_value (json_object_get (fuser, "cond_frame"));
  if (!fuser)
    return false;
  if (!cond || (strcmp (cond, "first") != 0 && strcmp (cond, "middle") != 0))
    return wrong (r, "fuser", "\"cond_frame\" is neither \"first\" nor \"middle\"");
  c->fuser.cond_middle = strcmp (cond, "middle") == 0;
  return true;
}

static bool
read_reading (const Reader *r, const json_t *root, EmModelConfig *c)
{
  c->has_text = json_object_get (root, "text") != NULL;
  if (!c->has_text)
    return true;
  if (!c->has_fuser)
    return wrong (r, "text", "is there without a fuser to read it");
  if (!read_object (r, root, "text", "text", text_rows, c))
    return false;
  c->fuser.text_width = c->text.hidden;
  return true;
}

static bool
read_labels (const Reader *r, const json_t *root, EmModelConfig *c)
{
  const json_t *list = json_object_get (root, "labels");

  if (!list)
    return true;
  if (!json_is_array (list) || json_array_size (list) > EM_MAX_LABELS)
    return wrong (r, "labels", "are no list, or too many");
  c->n_labels = (int) json_array_size (list);
  for (int i = 0; i < c->n_labels; i++) {
    const json_t *item = json_array_get (list, i);

    if (!json_is_string (item) || json_string_length (item) >= sizeof c->labels[i])
      return wrong (r, "labels", "hold what is no short string");
    memcpy (c->labels[i], json_string_value (item), json_string_length (item) + 1);
  }
  return true;
}

/* What the parts rely on. */
static bool
check_fit (const Reader *r, const EmModelConfig *c)
{
  const EmSam2Config *s = &c->sam2;
  const EmTrunkConfig *t = &s->trunk;

  if (s->image_size % 32)
    return wrong (r, "sam2", "\"image_size\" is no multiple of 32");
  if (t->embed_dim % t->num_heads)
    return wrong (r, "sam2.trunk", "\"num_heads\" does not divide \"embed_dim\"");
  for (int i = 0; i + 1 < EM_N_STAGES; i++) /* the last window of a stage is pooled by the next */
    if (t->window_spec[i] % 2)
      return wrong (r, "sam2.trunk", "\"window_spec\" has an odd window before its last");
  if (s->d_model % 8)
    return wrong (r, "sam2", "\"d_model\" is no multiple of 8");
  if (s->mem_dim % 4 || s->d_model % s->mem_dim)
    return wrong (r, "sam2", "\"mem_dim\" is no multiple of 4 that divides \"d_model\"");
  if (s->d_model / 2 % s->mask_decoder.num_heads)
    return wrong (r, "sam2.mask_decoder", "\"num_heads\" does not divide half of \"d_model\"");
  if (!c->has_fuser)
    return true;
  if (!s->tracks)
    return wrong (r, "fuser", "hears clips, but the model has no memory for them");
  if (c->fuser.dim != s->d_model || 2 * c->vgg.embedding != c->fuser.dim)
    return wrong (r, "fuser", "\"dim\" is not \"d_model\" and twice \"vgg.embedding\"");
  if (c->fuser.dim % c->fuser.num_heads)
    return wrong (r, "fuser", "\"num_heads\" does not divide \"dim\"");
  if (s->image_size / 16 % c->fuser.sr_ratio)
    return wrong (r, "fuser", "\"sr_ratio\" does not divide the grid");
  if (c->has_text && c->text.hidden % c->text.heads)
    return wrong (r, "text", "\"heads\" does not divide \"hidden\"");
  if (c->has_text && c->text.rows + 2 > c->text.positions)
    return wrong (r, "text", "\"positions\" is less than \"rows\" and two");
  return true;
}

bool
em_model_config_parse (EmModelConfig *config, const char *json, const char *source, EmError *err)
{
  Reader r = { source, err };
  char what[256];

  memset (config, 0, sizeof *config);
  snprintf (what, sizeof what, "the configuration of %.160s", source);
  json_t *root = em_json_parse (json, strlen (json), what, EM_E_WEIGHTS, err);
  if (!root)
    return false;

  const char *format = json_string_value (json_object_get (root, "format"));
  bool ok = (format && strcmp (format, "earmark-model-1") == 0)
            || wrong (&r, "format", "is not \"earmark-model-1\"");
  ok = ok && read_text (&r, root, "name", true, config->name, sizeof config->name)
       && read_text (&r, root, "provenance", false, config->provenance, sizeof config->provenance)
       && read_sam2 (&r, root, config) && read_hearing (&r, root, config)
       && read_reading (&r, root, config) && read_labels (&r, root, config)
       && check_fit (&r, config);
  json_decref (root);
  return ok;
}

/* The grid is S/16, and the fuser's keys lie on one `sr_ratio` times coarser. */
bool
em_model_config_resize (EmModelConfig *config, int image_size, EmError *err)
{
  int step = 32;

  while (config->has_fuser && step / 16 % config->fuser.sr_ratio)
    step += 32;
  if (image_size == 0 || image_size == config->sam2.image_size)
    return true;
  if (image_size < 128 || image_size > 2048 || image_size % step)
    return em_fail (err, EM_E_USAGE,
                    "an image size of %d does not fit the model %s: give a multiple of %d from 128 "
                    "to 2048",
                    image_size, config->name, step);
  config->sam2.image_size = image_size;
  return true;
}
