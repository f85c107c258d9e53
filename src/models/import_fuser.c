/* import_fuser.c - AuralFuser and VGGish, as published and as they were once called. */
#include <string.h>
#include "models/import_private.h"

/* A file of training has every tensor a second time in the list of what is trained. */
static const EmRename fuser_names[] = {
  { "patch_embeds.*", "patch_embeds.*" },
  { "f_blocks.*", "f_blocks.*" },
  { "a_blocks.*", "a_blocks.*" },
  { "fusion_modules.*", "fusion_modules.*" },
  { "smooth_convs.*", "smooth_convs.*" },
  { "train_proj_v1.*", "train_proj_v1.*" },
  { "train_proj_a1.*", "train_proj_a1.*" },
  { "text_proj.*", "text_proj.*" },

  { "train_f_patch_embed1.*", "patch_embeds.0.*" },
  { "train_f_patch_embed2.*", "patch_embeds.1.*" },
  { "train_f_patch_embed3.*", "patch_embeds.2.*" },
  { "train_f_block1.*", "f_blocks.0.*" },
  { "train_f_block2.*", "f_blocks.1.*" },
  { "train_f_block3.*", "f_blocks.2.*" },
  { "train_a_block1.*", "a_blocks.0.*" },
  { "train_a_block2.*", "a_blocks.1.*" },
  { "train_a_block3.*", "a_blocks.2.*" },
  { "train_f_a_block1.*", "fusion_modules.0.*" },
  { "train_f_a_block2.*", "fusion_modules.1.*" },
  { "train_f_a_block3.*", "fusion_modules.2.*" },
  { "train_smooth1.*", "smooth_convs.0.*" },
  { "train_smooth2.*", "smooth_convs.1.*" },

  { "training_layers.0.*", "patch_embeds.0.*" },
  { "training_layers.1.*", "patch_embeds.1.*" },
  { "training_layers.2.*", "patch_embeds.2.*" },
  { "training_layers.3.*", "f_blocks.0.*" },
  { "training_layers.4.*", "a_blocks.0.*" },
  { "training_layers.5.*", "fusion_modules.0.*" },
  { "training_layers.6.*", "f_blocks.1.*" },
  { "training_layers.7.*", "a_blocks.1.*" },
  { "training_layers.8.*", "fusion_modules.1.*" },
  { "training_layers.9.*", "f_blocks.2.*" },
  { "training_layers.10.*", "a_blocks.2.*" },
  { "training_layers.11.*", "fusion_modules.2.*" },
  { "training_layers.12.*", "smooth_convs.0.*" },
  { "training_layers.13.*", "smooth_convs.1.*" },
  { "training_layers.14.*", "train_proj_v1.*" },
  { "training_layers.15.*", "train_proj_a1.*" },
  { "training_layers.16.*", "text_proj.*" },
  { 0 },
};

static const EmRename vgg_names[] = {
  { "features.#.*", "features.#.*" },
  { "embeddings.#.*", "embeddings.#.*" },
  { 0 },
};

bool
em_import_vgg_name (const char *name, char *out, size_t bytes)
{
  return em_import_rename (vgg_names, "vgg.", name, out, bytes);
}

/* What follows `prefix`, or NULL. */
static const char *
after (const char *name, const char *prefix)
{
  size_t n = strlen (prefix);

  return strncmp (name, prefix, n) == 0 ? name + n : NULL;
}

bool
em_import_fuser_name (const char *name, char *out, size_t bytes)
{
  const char *rest = after (name, "vgg.");

  if (rest || (rest = after (name, "finetuning_layers.0.")))
    return em_import_vgg_name (rest, out, bytes);
  return em_import_rename (fuser_names, "fuser.", name, out, bytes);
}

bool
em_import_aural_name (const char *name, char *out, size_t bytes)
{
  const char *rest;

  if ((rest = after (name, "aural_fuser.")) || (rest = after (name, "audio_prompter.")))
    return em_import_fuser_name (rest, out, bytes);
  if ((rest = after (name, "v_model.")))
    return em_import_sam2_name (rest, out, bytes);
  return (rest = after (name, "t_model.")) && em_import_text_name (rest, out, bytes);
}

/* Blocks of each stage. */
static json_t *
depths_of (const EmWeights *w, const char *const prefixes[EM_N_FUSION])
{
  int n[EM_N_FUSION];

  for (int s = 0; s < EM_N_FUSION; s++)
    n[s] = em_import_count (w, prefixes[s], ".norm1.weight", EM_MAX_DEPTH + 1);
  return em_import_row (n, EM_N_FUSION);
}

/* Five seconds and the first of them to begin with, unless it reads: the model of Ref-AVS hears
 * ten and begins in the middle. */
json_t *
em_import_infer_fuser (const EmWeights *w)
{
  static const char *const f_blocks[]
      = { "fuser.f_blocks.0.", "fuser.f_blocks.1.", "fuser.f_blocks.2." };
  static const char *const a_blocks[]
      = { "fuser.a_blocks.0.", "fuser.a_blocks.1.", "fuser.a_blocks.2." };
  int dim = em_import_dim (w, "fuser.patch_embeds.0.weight", 0);
  int hidden = em_import_dim (w, "fuser.f_blocks.0.0.mlp.fc1.weight", 0);
  bool reads = em_weights_find (w, "fuser.text_proj.0.weight") != NULL;
  json_t *fuser = json_pack ("{s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:i, s:s}", "dim", dim, "inner",
                             em_import_dim (w, "fuser.fusion_modules.0.q_frame.weight", 0),
                             "num_heads", 4, "mlp_ratio", dim ? hidden / dim : 0, "sr_ratio",
                             em_import_dim (w, "fuser.f_blocks.0.0.attn.sr.weight", 2), "f_depths",
                             depths_of (w, f_blocks), "a_depths", depths_of (w, a_blocks), "T",
                             reads ? 10 : 5, "cond_frame", reads ? "middle" : "first");

  EM_BUG_UNLESS (fuser);
  return fuser;
}

json_t *
em_import_infer_vgg (const EmWeights *w)
{
  int channels[EM_N_VGG_STAGES] = { em_import_dim (w, "vgg.features.0.weight", 0),
                                    em_import_dim (w, "vgg.features.3.weight", 0),
                                    em_import_dim (w, "vgg.features.6.weight", 0),
                                    em_import_dim (w, "vgg.features.11.weight", 0) };
  json_t *vgg = json_pack ("{s:o, s:i, s:i}", "channels", em_import_row (channels, EM_N_VGG_STAGES),
                           "fc", em_import_dim (w, "vgg.embeddings.0.weight", 0), "embedding",
                           em_import_dim (w, "vgg.embeddings.4.weight", 0));

  EM_BUG_UNLESS (vgg);
  return vgg;
}
