/* import_sam2.c - SAM 2 as its authors name it, and what the shapes say of its sizes. */
#include <stdio.h>
#include <string.h>
#include "models/family.h"
#include "models/import_private.h"

#define TRUNK   "sam2.image_encoder.trunk."
#define DECODER "sam2.sam_mask_decoder."

/* "sam2." and the authors' names; what begins otherwise is not of the model. */
static const EmRename official[] = {
  { "image_encoder.*", "image_encoder.*" },
  { "memory_attention.*", "memory_attention.*" },
  { "memory_encoder.*", "memory_encoder.*" },
  { "sam_prompt_encoder.*", "sam_prompt_encoder.*" },
  { "sam_mask_decoder.*", "sam_mask_decoder.*" },
  { "obj_ptr_proj.*", "obj_ptr_proj.*" },
  { "obj_ptr_tpos_proj.*", "obj_ptr_tpos_proj.*" },
  { "mask_downsample.*", "mask_downsample.*" },
  { "maskmem_tpos_enc", "maskmem_tpos_enc" },
  { "no_mem_embed", "no_mem_embed" },
  { "no_mem_pos_enc", "no_mem_pos_enc" },
  { "no_obj_ptr", "no_obj_ptr" },
  { "no_obj_embed_spatial", "no_obj_embed_spatial" },
  { 0 },
};

bool
em_import_sam2_name (const char *name, char *out, size_t bytes)
{
  return em_import_rename (official, "sam2.", name, out, bytes);
}

/* Stages begin where a block has a projection for its pooled shortcut. */
static bool
infer_stages (const EmWeights *w, int stages[EM_N_STAGES], EmError *err)
{
  int n = em_import_count (w, TRUNK "blocks.", ".norm1.weight", EM_MAX_BLOCKS + 1), stage = 0;
  char name[128];

  if (n == 0)
    return em_fail (err, EM_E_WEIGHTS,
                    "the SAM 2 weights have no trunk: " TRUNK "blocks.0.norm1.weight is missing");
  memset (stages, 0, EM_N_STAGES * sizeof *stages);
  for (int i = 0; i < n; i++) {
    snprintf (name, sizeof name, TRUNK "blocks.%d.proj.weight", i);
    stage += em_weights_find (w, name) != NULL;
    if (stage >= EM_N_STAGES)
      break;
    stages[stage]++;
  }
  if (stage != EM_N_STAGES - 1 || stages[0] == 0)
    return em_fail (err, EM_E_WEIGHTS,
                    "the trunk of the SAM 2 weights has not %d stages: its %d blocks pool at the "
                    "wrong places, or some are missing",
                    EM_N_STAGES, n);
  return true;
}

static json_t *
infer_trunk (const EmWeights *w, EmError *err)
{
  int c = em_import_dim (w, TRUNK "patch_embed.proj.weight", 0), stages[EM_N_STAGES];
  int bkg[2] = { em_import_dim (w, TRUNK "pos_embed", 2), em_import_dim (w, TRUNK "pos_embed", 3) };
  const EmFamily *size;
  json_t *trunk;

  if (!infer_stages (w, stages, err))
    return NULL;
  trunk
      = json_pack ("{s:i, s:o, s:o}", "embed_dim", c, "stages", em_import_row (stages, EM_N_STAGES),
                   "window_pos_embed_bkg_spatial_size", em_import_row (bkg, 2));
  if ((size = em_family_find (c, stages))) {
    json_object_set_new (trunk, "num_heads", json_integer (size->num_heads));
    json_object_set_new (trunk, "global_att_blocks", em_import_row (size->global_att_blocks, 3));
    json_object_set_new (trunk, "window_spec", em_import_row (size->window_spec, EM_N_STAGES));
  }
  return trunk;
}

/* Heads, windows and global blocks leave no trace in a shape. */
static bool
check_trunk (const json_t *trunk, EmError *err)
{
  const json_t *stages = json_object_get (trunk, "stages");
  int n[EM_N_STAGES];

  if (json_object_get (trunk, "num_heads") && json_object_get (trunk, "window_spec")
      && json_object_get (trunk, "global_att_blocks"))
    return true;
  for (int i = 0; i < EM_N_STAGES; i++)
    n[i] = (int) json_integer_value (json_array_get (stages, i));
  return em_fail (err, EM_E_WEIGHTS,
                  "a trunk of width %d and %d, %d, %d and %d blocks is none of the released SAM 2: "
                  "give its config.json as well",
                  (int) json_integer_value (json_object_get (trunk, "embed_dim")), n[0], n[1], n[2],
                  n[3]);
}

/* A model for single pictures has nothing of it; one tensor less is a damaged file. */
static bool
has_memory (const EmWeights *w)
{
  for (int i = 0; i < em_weights_count (w); i++)
    if (strncmp (em_weights_name (w, i), "sam2.memory_", 12) == 0)
      return true;
  return false;
}

json_t *
em_import_infer_sam2 (const EmImport *im, const EmWeights *w, EmError *err)
{
  json_t *trunk = infer_trunk (w, err), *sam2;
  bool tracks = has_memory (w);
  bool projects = em_weights_find (w, "sam2.obj_ptr_tpos_proj.weight") != NULL;
  bool embeds = em_weights_find (w, "sam2.no_obj_embed_spatial") != NULL;

  if (!trunk)
    return NULL;
  sam2 = json_pack (
      "{s:s, s:i, s:o, s:i, s:i, s:{s:i, s:i, s:i, s:i, s:i}, s:{s:i, s:i}, s:{s:i}, s:i, s:i, "
      "s:b, s:b, s:b}",
      "version", projects || embeds ? "2.1" : "2.0", "image_size", 1024, "trunk", trunk, "d_model",
      em_import_dim (w, "sam2.image_encoder.neck.convs.0.conv.weight", 0), "mem_dim",
      em_import_dim (w, "sam2.maskmem_tpos_enc", 3), "mask_decoder", "depth",
      em_import_count (w, DECODER "transformer.layers.", ".norm1.weight", EM_MAX_LAYERS + 1),
      "num_heads", 8, "mlp_dim",
      em_import_dim (w, DECODER "transformer.layers.0.mlp.layers.0.weight", 0), "iou_head_depth",
      em_import_count (w, DECODER "iou_prediction_head.layers.", ".weight", EM_MAX_LAYERS),
      "iou_head_hidden_dim", em_import_dim (w, DECODER "iou_prediction_head.layers.0.weight", 0),
      "memory_attention", "num_layers",
      em_import_count (w, "sam2.memory_attention.layers.", ".norm1.weight", EM_MAX_LAYERS + 1),
      "dim_feedforward", em_import_dim (w, "sam2.memory_attention.layers.0.linear1.weight", 0),
      "memory_encoder", "fuser_layers",
      em_import_count (w, "sam2.memory_encoder.fuser.layers.", ".gamma", EM_MAX_LAYERS + 1),
      "num_maskmem", em_import_dim (w, "sam2.maskmem_tpos_enc", 0), "max_obj_ptrs_in_encoder", 16,
      "add_tpos_enc_to_obj_ptrs", projects, "proj_tpos_enc_in_obj_ptrs", projects,
      "no_obj_embed_spatial", embeds);
  EM_BUG_UNLESS (sam2);
  if (em_weights_find (w, "sam2." EM_IMAGE_PE))
    json_object_set_new (sam2, "image_pe_layer", json_true ());
  if (!tracks) { /* of a picture model: no width of memory to see, and none is needed */
    json_object_del (sam2, "memory_attention");
    json_object_del (sam2, "memory_encoder");
    json_object_set_new (sam2, "num_maskmem", json_integer (7));
    json_object_set (sam2, "mem_dim", json_object_get (sam2, "d_model"));
  }
  if (em_import_apply_hf_sam2 (im, sam2, err) && check_trunk (trunk, err))
    return sam2;
  json_decref (sam2);
  return NULL;
}
