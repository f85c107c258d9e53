/* import_hf.c - SAM 2 as Hugging Face's transformers name it (Sam2VideoModel), and its config.json.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "models/import_private.h"

#define PE "sam_prompt_encoder."
#define MD "sam_mask_decoder."

static const EmRename renames[] = {
  { "memory_temporal_positional_encoding", "maskmem_tpos_enc" },
  { "no_memory_embedding", "no_mem_embed" },
  { "no_memory_positional_encoding", "no_mem_pos_enc" },
  { "no_object_pointer", "no_obj_ptr" },
  { "occlusion_spatial_embedding_parameter", "no_obj_embed_spatial" },
  { "mask_downsample.*", "mask_downsample.*" },
  { "object_pointer_proj.proj_in.*", "obj_ptr_proj.layers.0.*" },
  { "object_pointer_proj.layers.0.*", "obj_ptr_proj.layers.1.*" },
  { "object_pointer_proj.proj_out.*", "obj_ptr_proj.layers.2.*" },
  { "temporal_positional_encoding_projection_layer.*", "obj_ptr_tpos_proj.*" },

  { "vision_encoder.backbone.patch_embed.projection.*", "image_encoder.trunk.patch_embed.proj.*" },
  { "vision_encoder.backbone.blocks.#.layer_norm#.*", "image_encoder.trunk.blocks.#.norm#.*" },
  { "vision_encoder.backbone.blocks.#.mlp.proj_in.*",
    "image_encoder.trunk.blocks.#.mlp.layers.0.*" },
  { "vision_encoder.backbone.blocks.#.mlp.proj_out.*",
    "image_encoder.trunk.blocks.#.mlp.layers.1.*" },
  { "vision_encoder.backbone.*", "image_encoder.trunk.*" }, /* attn, proj, pos_embed */
  { "vision_encoder.neck.convs.#.*", "image_encoder.neck.convs.#.conv.*" },

  { "memory_attention.layers.#.self_attn.o_proj.*",
    "memory_attention.layers.#.self_attn.out_proj.*" },
  { "memory_attention.layers.#.cross_attn_image.o_proj.*",
    "memory_attention.layers.#.cross_attn_image.out_proj.*" },
  { "memory_attention.layers.#.layer_norm#.*", "memory_attention.layers.#.norm#.*" },
  { "memory_attention.layer_norm.*", "memory_attention.norm.*" },
  { "memory_attention.*", "memory_attention.*" },

  { "memory_encoder.mask_downsampler.layers.0.conv.*",
    "memory_encoder.mask_downsampler.encoder.0.*" },
  { "memory_encoder.mask_downsampler.layers.1.conv.*",
    "memory_encoder.mask_downsampler.encoder.3.*" },
  { "memory_encoder.mask_downsampler.layers.2.conv.*",
    "memory_encoder.mask_downsampler.encoder.6.*" },
  { "memory_encoder.mask_downsampler.layers.3.conv.*",
    "memory_encoder.mask_downsampler.encoder.9.*" },
  { "memory_encoder.mask_downsampler.layers.0.layer_norm.*",
    "memory_encoder.mask_downsampler.encoder.1.*" },
  { "memory_encoder.mask_downsampler.layers.1.layer_norm.*",
    "memory_encoder.mask_downsampler.encoder.4.*" },
  { "memory_encoder.mask_downsampler.layers.2.layer_norm.*",
    "memory_encoder.mask_downsampler.encoder.7.*" },
  { "memory_encoder.mask_downsampler.layers.3.layer_norm.*",
    "memory_encoder.mask_downsampler.encoder.10.*" },
  { "memory_encoder.mask_downsampler.final_conv.*",
    "memory_encoder.mask_downsampler.encoder.12.*" },
  { "memory_encoder.feature_projection.*", "memory_encoder.pix_feat_proj.*" },
  { "memory_encoder.memory_fuser.layers.#.scale", "memory_encoder.fuser.layers.#.gamma" },
  { "memory_encoder.memory_fuser.layers.#.depthwise_conv.*",
    "memory_encoder.fuser.layers.#.dwconv.*" },
  { "memory_encoder.memory_fuser.layers.#.layer_norm.*", "memory_encoder.fuser.layers.#.norm.*" },
  { "memory_encoder.memory_fuser.layers.#.pointwise_conv#.*",
    "memory_encoder.fuser.layers.#.pwconv#.*" },
  { "memory_encoder.projection.*", "memory_encoder.out_proj.*" },

  { "shared_image_embedding.positional_embedding", EM_IMAGE_PE },
  { "prompt_encoder.shared_embedding.positional_embedding", EM_POINT_PE },
  { "prompt_encoder.point_embed.weight", PE "point_embeddings" },
  { "prompt_encoder.not_a_point_embed.*", PE "not_a_point_embed.*" },
  { "prompt_encoder.no_mask_embed.*", PE "no_mask_embed.*" },
  { "prompt_encoder.mask_embed.conv1.*", PE "mask_downscaling.0.*" },
  { "prompt_encoder.mask_embed.layer_norm1.*", PE "mask_downscaling.1.*" },
  { "prompt_encoder.mask_embed.conv2.*", PE "mask_downscaling.3.*" },
  { "prompt_encoder.mask_embed.layer_norm2.*", PE "mask_downscaling.4.*" },
  { "prompt_encoder.mask_embed.conv3.*", PE "mask_downscaling.6.*" },

  { "mask_decoder.transformer.layers.#.self_attn.o_proj.*",
    MD "transformer.layers.#.self_attn.out_proj.*" },
  { "mask_decoder.transformer.layers.#.cross_attn_token_to_image.o_proj.*",
    MD "transformer.layers.#.cross_attn_token_to_image.out_proj.*" },
  { "mask_decoder.transformer.layers.#.cross_attn_image_to_token.o_proj.*",
    MD "transformer.layers.#.cross_attn_image_to_token.out_proj.*" },
  { "mask_decoder.transformer.layers.#.layer_norm#.*", MD "transformer.layers.#.norm#.*" },
  { "mask_decoder.transformer.layers.#.mlp.proj_in.*", MD "transformer.layers.#.mlp.layers.0.*" },
  { "mask_decoder.transformer.layers.#.mlp.proj_out.*", MD "transformer.layers.#.mlp.layers.1.*" },
  { "mask_decoder.transformer.final_attn_token_to_image.o_proj.*",
    MD "transformer.final_attn_token_to_image.out_proj.*" },
  { "mask_decoder.transformer.layer_norm_final_attn.*", MD "transformer.norm_final_attn.*" },
  { "mask_decoder.upscale_conv1.*", MD "output_upscaling.0.*" },
  { "mask_decoder.upscale_layer_norm.*", MD "output_upscaling.1.*" },
  { "mask_decoder.upscale_conv2.*", MD "output_upscaling.3.*" },
  { "mask_decoder.output_hypernetworks_mlps.#.proj_in.*",
    MD "output_hypernetworks_mlps.#.layers.0.*" },
  { "mask_decoder.output_hypernetworks_mlps.#.layers.0.*",
    MD "output_hypernetworks_mlps.#.layers.1.*" },
  { "mask_decoder.output_hypernetworks_mlps.#.proj_out.*",
    MD "output_hypernetworks_mlps.#.layers.2.*" },
  { "mask_decoder.iou_prediction_head.proj_in.*", MD "iou_prediction_head.layers.0.*" },
  { "mask_decoder.iou_prediction_head.layers.0.*", MD "iou_prediction_head.layers.1.*" },
  { "mask_decoder.iou_prediction_head.proj_out.*", MD "iou_prediction_head.layers.2.*" },
  { "mask_decoder.pred_obj_score_head.proj_in.*", MD "pred_obj_score_head.layers.0.*" },
  { "mask_decoder.pred_obj_score_head.layers.0.*", MD "pred_obj_score_head.layers.1.*" },
  { "mask_decoder.pred_obj_score_head.proj_out.*", MD "pred_obj_score_head.layers.2.*" },
  { "mask_decoder.*", MD "*" }, /* tokens, conv_s0, conv_s1, other projections */
  { 0 },
};

bool
em_import_hf_sam2_name (const char *name, char *out, size_t bytes)
{
  return em_import_rename (renames, "sam2.", name, out, bytes);
}

static const EmHfFixed fixed[] = {
  { "vision_config.num_feature_levels", 3 },
  { "vision_config.fpn_kernel_size", 1 },
  { "vision_config.fpn_stride", 1 },
  { "vision_config.fpn_padding", 0 },
  { "vision_config.backbone_config.num_channels", 3 },
  { "vision_config.backbone_config.patch_kernel_size", 7 },
  { "vision_config.backbone_config.patch_stride", 4 },
  { "vision_config.backbone_config.patch_padding", 3 },
  { "vision_config.backbone_config.query_stride", 2 },
  { "vision_config.backbone_config.num_query_pool_stages", 3 },
  { "vision_config.backbone_config.mlp_ratio", 4 },
  { "vision_config.backbone_config.layer_norm_eps", 1e-6 },
  { "vision_config.backbone_config.hidden_act", 0, "gelu" },
  { "prompt_encoder_config.patch_size", 16 },
  { "prompt_encoder_config.num_point_embeddings", 4 },
  { "prompt_encoder_config.mask_input_channels", 16 },
  { "prompt_encoder_config.layer_norm_eps", 1e-6 },
  { "prompt_encoder_config.hidden_act", 0, "gelu" },
  { "mask_decoder_config.attention_downsample_rate", 2 },
  { "mask_decoder_config.num_multimask_outputs", 3 },
  { "mask_decoder_config.iou_head_depth", 3 },
  { "mask_decoder_config.hidden_act", 0, "gelu" },
  { "mask_decoder_config.dynamic_multimask_stability_delta", 0.05 },
  { "mask_decoder_config.dynamic_multimask_stability_thresh", 0.98 },
  { "sigmoid_scale_for_mem_enc", 20 },
  { "sigmoid_bias_for_mem_enc", -10 },
  { "multimask_min_pt_num", 0 },
  { "multimask_max_pt_num", 1 },
  { "multimask_output_in_sam", 1 },
  { "multimask_output_for_tracking", 1 },
  { "memory_attention_num_attention_heads", 1 },
  { "memory_attention_downsample_rate", 1 },
  { "memory_attention_feed_forward_hidden_act", 0, "relu" },
  { "rope_parameters.rope_theta", 10000 },
  { "memory_attention_rope_theta", 10000 },
  { "mask_downsampler_kernel_size", 3 },
  { "mask_downsampler_stride", 2 },
  { "mask_downsampler_padding", 1 },
  { "mask_downsampler_total_stride", 16 },
  { "mask_downsampler_hidden_act", 0, "gelu" },
  { "memory_fuser_kernel_size", 7 },
  { "memory_fuser_padding", 3 },
  { "memory_fuser_hidden_act", 0, "gelu" },
  { 0 },
};

const json_t *
em_import_value (const json_t *object, const char *path)
{
  char key[64];

  for (size_t n; object && *path; path += n + (path[n] == '.')) {
    n = strcspn (path, ".");
    snprintf (key, sizeof key, "%.*s", (int) n, path);
    object = json_object_get (object, key);
  }
  return json_is_null (object) ? NULL : object;
}

static bool
has_value (const json_t *value, double number, const char *word)
{
  if (json_is_array (value)) {
    for (size_t i = 0; i < json_array_size (value); i++)
      if (!has_value (json_array_get (value, i), number, word))
        return false;
    return json_array_size (value) > 0;
  }
  if (word)
    return json_is_string (value) && strcmp (json_string_value (value), word) == 0;
  if (json_is_boolean (value))
    return json_is_true (value) == (number != 0);
  return json_is_number (value)
         && fabs (json_number_value (value) - number) <= 1e-6 * fabs (number);
}

bool
em_import_check_fixed (const EmHfConfig *hf, const EmHfFixed *fixed, EmError *err)
{
  for (; fixed->path; fixed++) {
    const json_t *value = em_import_value (hf->json, fixed->path);
    char want[32];

    if (!value || has_value (value, fixed->number, fixed->word))
      continue;
    snprintf (want, sizeof want, "%g", fixed->number);
    return em_fail (err, EM_E_WEIGHTS, "%s: %s is not %s: such a model is not supported", hf->label,
                    fixed->path, fixed->word ? fixed->word : want);
  }
  return true;
}

/* The side of the square pictures it sees; 0 if it does not say. */
static int
image_size_of (const json_t *hf)
{
  static const char *const paths[] = { "image_size", "prompt_encoder_config.image_size",
                                       "vision_config.backbone_config.image_size" };

  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    const json_t *value = em_import_value (hf, paths[i]);

    if (json_is_array (value))
      value = json_array_get (value, 0);
    if (json_is_integer (value))
      return (int) json_integer_value (value);
  }
  return 0;
}

/* Positions of memory attention are those of the grid it was made for. */
static bool
check_grid (const json_t *hf, int image_size, const char *label, EmError *err)
{
  const json_t *grid = em_import_value (hf, "memory_attention_rope_feat_sizes");

  return !grid || has_value (grid, image_size / 16, NULL)
         || em_fail (err, EM_E_WEIGHTS,
                     "%s: memory_attention_rope_feat_sizes does not go with pictures of %d pixels",
                     label, image_size);
}

static void
copy_value (json_t *to, const char *key, const json_t *hf, const char *path)
{
  const json_t *value = em_import_value (hf, path);

  if (value)
    json_object_set_new (to, key, json_deep_copy (value));
}

bool
em_import_apply_hf_sam2 (const EmImport *im, json_t *sam2, EmError *err)
{
  const json_t *hf = im->hf_sam2.json, *heads;
  json_t *trunk = json_object_get (sam2, "trunk");
  int image_size;

  if (!hf)
    return true;
  if (!em_import_check_fixed (&im->hf_sam2, fixed, err))
    return false;
  if ((image_size = image_size_of (hf))) {
    json_object_set_new (sam2, "image_size", json_integer (image_size));
    if (!check_grid (hf, image_size, im->hf_sam2.label, err))
      return false;
  }
  heads = em_import_value (hf, "vision_config.backbone_config.num_attention_heads_per_stage");
  if (json_array_size (heads))
    json_object_set (trunk, "num_heads", json_array_get (heads, 0));
  copy_value (trunk, "window_spec", hf, "vision_config.backbone_config.window_size_per_stage");
  copy_value (trunk, "global_att_blocks", hf,
              "vision_config.backbone_config.global_attention_blocks");
  copy_value (json_object_get (sam2, "mask_decoder"), "num_heads", hf,
              "mask_decoder_config.num_attention_heads");
  copy_value (sam2, "max_obj_ptrs_in_encoder", hf, "max_object_pointers_in_encoder");
  copy_value (sam2, "no_obj_embed_spatial", hf, "enable_occlusion_spatial_embedding");
  copy_value (sam2, "add_tpos_enc_to_obj_ptrs", hf,
              "enable_temporal_pos_encoding_for_object_pointers");
  copy_value (sam2, "proj_tpos_enc_in_obj_ptrs", hf,
              "enable_temporal_pos_encoding_for_object_pointers");
  return true;
}
