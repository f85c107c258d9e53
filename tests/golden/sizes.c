/* sizes.c - the released sizes as JSON. */
#include "sizes.h"
#include <jansson.h>
#include <string.h>
#include "base/error.h"

static const struct {
  const char *size, *official;
  int embed_dim, num_heads, stages[4], global[3], n_global, window[4], bkg;
} trunks[] = {
  { "nano", "nano", 16, 1, { 1, 1, 2, 1 }, { 3 }, 1, { 8, 4, 14, 7 }, 7 },
  { "tiny", "sam2.1_hiera_t", 96, 1, { 1, 2, 7, 2 }, { 5, 7, 9 }, 3, { 8, 4, 14, 7 }, 7 },
  { "small", "sam2.1_hiera_s", 96, 1, { 1, 2, 11, 2 }, { 7, 10, 13 }, 3, { 8, 4, 14, 7 }, 7 },
  { "base_plus",
    "sam2.1_hiera_b+",
    112,
    2,
    { 2, 3, 16, 3 },
    { 12, 16, 20 },
    3,
    { 8, 4, 14, 7 },
    14 },
  { "large", "sam2.1_hiera_l", 144, 2, { 2, 6, 36, 4 }, { 23, 33, 43 }, 3, { 8, 4, 16, 8 }, 7 },
};

enum { N_TRUNKS = sizeof trunks / sizeof *trunks };

/* N_TRUNKS: none of them. */
static int
find (const char *size)
{
  int i = 0;

  while (i < N_TRUNKS && strcmp (size, trunks[i].size))
    i++;
  return i;
}

bool
size_known (const char *size)
{
  return find (size) < N_TRUNKS;
}

const char *
size_of_config (const char *config)
{
  for (int i = 0; i < N_TRUNKS; i++)
    if (!strncmp (config, trunks[i].official, strlen (trunks[i].official))
        || !strncmp (config, trunks[i].size, strlen (trunks[i].size)))
      return trunks[i].size;
  return NULL;
}

static json_t *
int_array (const int *values, int n)
{
  json_t *array = json_array ();

  for (int i = 0; i < n; i++)
    json_array_append_new (array, json_integer (values[i]));
  return array;
}

static json_t *
sam2_json (int trunk, int image_size, bool v21)
{
  json_t *t = json_pack ("{s:i, s:i, s:o, s:o, s:o, s:[i,i]}", "embed_dim", trunks[trunk].embed_dim,
                         "num_heads", trunks[trunk].num_heads, "stages",
                         int_array (trunks[trunk].stages, 4), "global_att_blocks",
                         int_array (trunks[trunk].global, trunks[trunk].n_global), "window_spec",
                         int_array (trunks[trunk].window, 4), "window_pos_embed_bkg_spatial_size",
                         trunks[trunk].bkg, trunks[trunk].bkg);

  return json_pack ("{s:s, s:i, s:o, s:i, s:i, s:{s:i, s:i, s:i, s:i, s:i}, s:{s:i, s:i}, s:{s:i},"
                    " s:i, s:i, s:b, s:b, s:b}",
                    "version", v21 ? "2.1" : "2.0", "image_size", image_size, "trunk", t, "d_model",
                    256, "mem_dim", 64, "mask_decoder", "depth", 2, "num_heads", 8, "mlp_dim", 2048,
                    "iou_head_depth", 3, "iou_head_hidden_dim", 256, "memory_attention",
                    "num_layers", 4, "dim_feedforward", 2048, "memory_encoder", "fuser_layers", 2,
                    "num_maskmem", 7, "max_obj_ptrs_in_encoder", 16, "add_tpos_enc_to_obj_ptrs",
                    v21, "proj_tpos_enc_in_obj_ptrs", v21, "no_obj_embed_spatial", v21);
}

static void
add_sound (json_t *root, const SizeConfig *c)
{
  json_object_set_new (root, "vgg",
                       json_pack ("{s:[i,i,i,i], s:i, s:i}", "channels", 64, 128, 256, 512, "fc",
                                  4096, "embedding", 128));
  json_object_set_new (root, "fuser",
                       json_pack ("{s:i, s:i, s:i, s:i, s:i, s:[i,i,i], s:[i,i,i], s:i, s:s}",
                                  "dim", 256, "inner", 128, "num_heads", 4, "mlp_ratio", 4,
                                  "sr_ratio", 4, "f_depths", 3, 6, 12, "a_depths", 3, 3, 3, "T",
                                  c->window, "cond_frame", c->cond_middle ? "middle" : "first"));
}

char *
size_json (const SizeConfig *c)
{
  int trunk = find (c->size);
  json_t *root;
  char *text;

  EM_BUG_UNLESS (trunk < N_TRUNKS);
  root = json_pack ("{s:s, s:s, s:o}", "format", "earmark-model-1", "name", c->name, "sam2",
                    sam2_json (trunk, c->image_size, c->v21));
  if (c->window)
    add_sound (root, c);
  text = json_dumps (root, JSON_COMPACT);
  EM_BUG_UNLESS (text);
  json_decref (root);
  return text;
}
