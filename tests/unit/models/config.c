/* config.c - a configuration is data, and data from strangers. */
#include "models/config.h"
#include <jansson.h>
#include "check.h"

static const char demo[]
    = "{\"format\":\"earmark-model-1\",\"name\":\"demo\",\"sam2\":{\"version\":\"2.1\","
      "\"image_size\":256,\"trunk\":{\"embed_dim\":24,\"num_heads\":1,\"stages\":[1,2,4,1],"
      "\"global_att_blocks\":[5],\"window_spec\":[8,4,8,4],"
      "\"window_pos_embed_bkg_spatial_size\":[7,7]},\"d_model\":64,\"mem_dim\":16,"
      "\"mask_decoder\":{\"depth\":2,\"num_heads\":4,\"mlp_dim\":256,\"iou_head_depth\":3,"
      "\"iou_head_hidden_dim\":64},\"memory_attention\":{\"num_layers\":2,"
      "\"dim_feedforward\":256},\"memory_encoder\":{\"fuser_layers\":2},\"num_maskmem\":7,"
      "\"max_obj_ptrs_in_encoder\":16,\"add_tpos_enc_to_obj_ptrs\":true,"
      "\"proj_tpos_enc_in_obj_ptrs\":true,\"no_obj_embed_spatial\":false},"
      "\"vgg\":{\"channels\":[16,32,64,64],\"fc\":256,\"embedding\":32},"
      "\"fuser\":{\"dim\":64,\"inner\":32,\"num_heads\":4,\"mlp_ratio\":4,\"sr_ratio\":4,"
      "\"f_depths\":[1,1,2],\"a_depths\":[1,1,1],\"T\":5,\"cond_frame\":\"middle\"},"
      "\"text\":{\"layers\":6,\"hidden\":96,\"heads\":12,\"ffn\":384,\"vocab\":50265,"
      "\"positions\":27,\"rows\":25},"
      "\"labels\":[\"bell\",\"drum\"],\"provenance\":\"drawn\"}";

static EmModelConfig config;

static void
reads_the_example (void)
{
  EmError err = EM_ERROR_INIT;

  CHECK (em_model_config_parse (&config, demo, "demo", &err));
  CHECK_TEXT (err.text, "");
  CHECK_TEXT (config.name, "demo");
  CHECK (config.sam2.v21 && config.sam2.proj_tpos_enc_in_obj_ptrs);
  CHECK (!config.sam2.no_obj_embed_spatial);
  CHECK_INT (config.sam2.trunk.stages[2], 4);
  CHECK_INT (config.sam2.trunk.n_global, 1);
  CHECK_INT (config.sam2.trunk.global_att_blocks[0], 5);
  CHECK_INT (config.sam2.mask_decoder.mlp_dim, 256);
  CHECK (config.has_vgg && config.has_fuser && config.fuser.cond_middle);
  CHECK_INT (config.vgg.channels[3], 64);
  CHECK_INT (config.fuser.window, 5);
  CHECK (config.has_text && config.text.heads == 12 && config.text.rows == 25);
  CHECK_INT (config.fuser.text_width, 96);
  CHECK_INT (config.n_labels, 2);
  CHECK_TEXT (config.labels[1], "drum");
  CHECK_TEXT (config.provenance, "drawn");
}

/* The example with the value at `path` ("sam2.trunk.stages") replaced, or removed if `json` is
 * NULL, must be refused with a sentence that has `word`. */
static void
check_refused (const char *path, const char *json, const char *word)
{
  json_t *root = json_loads (demo, 0, NULL), *object = root;
  char key[64];
  const char *dot;

  for (; (dot = strchr (path, '.')); path = dot + 1) {
    snprintf (key, sizeof key, "%.*s", (int) (dot - path), path);
    object = json_object_get (object, key);
  }
  if (json)
    json_object_set_new (object, path, json_loads (json, JSON_DECODE_ANY, NULL));
  else
    json_object_del (object, path);

  char *text = json_dumps (root, 0);
  EmError err = EM_ERROR_INIT;
  CHECK (!em_model_config_parse (&config, text, "demo", &err));
  CHECK_INT (err.code, EM_E_WEIGHTS);
  if (!strstr (err.text, word)) {
    fprintf (stderr, "%s: \"%s\" lacks \"%s\"\n", path, err.text, word);
    check_failures++;
  }
  free (text);
  json_decref (root);
}

static void
refuses_what_does_not_fit (void)
{
  check_refused ("format", "\"earmark-model-9\"", "format");
  check_refused ("name", NULL, "name");
  check_refused ("name", "7", "name");
  check_refused ("sam2", NULL, "sam2");
  check_refused ("sam2", "[]", "sam2");
  check_refused ("sam2.version", "\"3.0\"", "version");
  check_refused ("sam2.image_size", "250", "image_size");
  check_refused ("sam2.image_size", "1000000", "image_size");
  check_refused ("sam2.image_size", "\"256\"", "image_size");
  check_refused ("sam2.trunk.embed_dim", "-24", "embed_dim");
  check_refused ("sam2.trunk.num_heads", "5", "num_heads");
  check_refused ("sam2.trunk.stages", "[1,2,4]", "stages");
  check_refused ("sam2.trunk.stages", "[1,2,4,0]", "stages");
  check_refused ("sam2.trunk.stages", "[64,64,64,64]", "stages");
  check_refused ("sam2.trunk.global_att_blocks", "[8]", "global_att_blocks");
  check_refused ("sam2.trunk.global_att_blocks", "[-1]", "global_att_blocks");
  check_refused ("sam2.trunk.window_spec", "[8,4,7,4]", "window_spec");
  check_refused ("sam2.d_model", "60", "d_model");
  check_refused ("sam2.mem_dim", "24", "mem_dim");
  check_refused ("sam2.mask_decoder.num_heads", "3", "num_heads");
  check_refused ("sam2.mask_decoder.iou_head_depth", "4", "iou_head_depth");
  check_refused ("sam2.memory_attention", NULL, "memory_attention");
  check_refused ("sam2.memory_encoder.fuser_layers", "99", "fuser_layers");
  check_refused ("sam2.no_obj_embed_spatial", "1", "no_obj_embed_spatial");
  check_refused ("vgg", NULL, "other half");
  check_refused ("fuser", NULL, "other half");
  check_refused ("vgg.embedding", "31", "dim");
  check_refused ("fuser.dim", "128", "dim");
  check_refused ("fuser.sr_ratio", "5", "sr_ratio");
  check_refused ("fuser.f_depths", "[1,1,17]", "f_depths");
  check_refused ("fuser.cond_frame", "\"last\"", "cond_frame");
  check_refused ("text", "true", "text");
  check_refused ("text.rows", "2", "rows");
  check_refused ("text.rows", "26", "positions");
  check_refused ("text.heads", "7", "heads");
  check_refused ("text.layers", "25", "layers");
  check_refused ("text.vocab", "9999999", "vocab");
  check_refused ("text.ffn", NULL, "ffn");
  check_refused ("labels", "[7]", "labels");
  check_refused ("labels", "{}", "labels");
}

static void
refuses_what_is_no_json (void)
{
  EmError err = EM_ERROR_INIT;

  CHECK (!em_model_config_parse (&config, "", "demo", &err));
  CHECK_INT (err.code, EM_E_WEIGHTS);
  err = (EmError) EM_ERROR_INIT;
  CHECK (!em_model_config_parse (&config, "null", "demo", &err));
  CHECK_INT (err.code, EM_E_WEIGHTS);
}

static bool
parse_without (const char *const *keys, EmError *err)
{
  json_t *root = json_loads (demo, 0, NULL);
  char *text;
  bool good;

  for (; *keys; keys++)
    json_object_del (root, *keys);
  text = json_dumps (root, 0);
  good = em_model_config_parse (&config, text, "demo", err);
  free (text);
  json_decref (root);
  return good;
}

/* Reading is part of hearing: there is nothing else that could read. */
static void
reads_with_ears_only (void)
{
  EmError err = EM_ERROR_INIT;

  CHECK (parse_without ((const char *[]){ "text", NULL }, &err));
  CHECK (!config.has_text && config.fuser.text_width == 0);
  CHECK (!parse_without ((const char *[]){ "fuser", "vgg", NULL }, &err));
  CHECK (strstr (err.text, "without a fuser"));
}

/* Sizes of the example, which hears: its fuser makes a grid of S/16 four times coarser. */
static void
takes_another_size (void)
{
  static const int good[] = { 128, 192, 1024, 2048 }, bad[] = { 64, 130, 160, 2112, -128, 1 };
  EmError err = EM_ERROR_INIT;

  CHECK (em_model_config_parse (&config, demo, "demo", &err));
  CHECK (em_model_config_resize (&config, 0, &err));
  CHECK_INT (config.sam2.image_size, 256);
  config.sam2.image_size = 64; /* a package's own is good whatever it is */
  CHECK (em_model_config_resize (&config, 64, &err));
  for (int i = 0; i < 4; i++) {
    CHECK (em_model_config_resize (&config, good[i], &err));
    CHECK_INT (config.sam2.image_size, good[i]);
  }
  for (int i = 0; i < 6; i++) {
    err = (EmError) EM_ERROR_INIT;
    CHECK (!em_model_config_resize (&config, bad[i], &err));
    CHECK_INT (err.code, EM_E_USAGE);
    CHECK (strstr (err.text, "multiple of 64 from 128 to 2048") != NULL);
    CHECK_INT (config.sam2.image_size, 2048);
  }
  config.has_fuser = false;
  err = (EmError) EM_ERROR_INIT;
  CHECK (em_model_config_resize (&config, 160, &err));
  CHECK (!em_model_config_resize (&config, 176, &err));
  CHECK (strstr (err.text, "multiple of 32 from") != NULL);
}

CHECK_MAIN (reads_the_example, refuses_what_does_not_fit, refuses_what_is_no_json,
            reads_with_ears_only, takes_another_size)
