"""Writes an Earmark package as the files of others: tests import those and expect the same digest.

usage: foreign_file.py LAYOUT PACKAGE OUT; nothing but Python's own library. OUT is written as its
name ends: .safetensors, .pt (an archive), .old (PyTorch's format before that).

  sam2        SAM 2 under its authors' names; as .pt under "model"
  fuser       AuralFuser with VGGish inside, flat
  former      the same under former names, every trained tensor a second time in a list
  full        AuralSAM2 as a whole: v_model, aural_fuser, t_model
  prompter    the same with the former name of the fuser
  vgg         VGGish alone
  vgg0        the same with other values, all zero
  config      the package's configuration
  hf          folder OUT: SAM 2 as Hugging Face's transformers write it, with config.json
  hf-apart    the same with a matrix of the grid's positions that is not the points'
  hf-picture  the same of a model for single pictures (Sam2Model): nothing of memory
  text        folder OUT: RoBERTa likewise, with vocab.json and merges.txt
"""
import json
import os
import re
import struct
import sys

sys.dont_write_bytecode = True
import torch_file  # noqa: E402


def read_package(path):
    """name -> (dtype, shape, bytes), and the configuration"""
    with open(path, "rb") as f:
        data = f.read()
    n = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + n])
    config = json.loads(header.pop("__metadata__")["earmark.config"])
    tensors = {}
    for name, t in header.items():
        begin, end = t["data_offsets"]
        tensors[name] = (t["dtype"], t["shape"], data[8 + n + begin:8 + n + end])
    return tensors, config


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors.values():
            f.write(data)


def part(tensors, prefix):
    return {name[len(prefix):]: t for name, t in tensors.items() if name.startswith(prefix)}


# From the authors' names to those of transformers: patterns in the order they are tried.
HF_NAMES = [
    (r"maskmem_tpos_enc$", "memory_temporal_positional_encoding"),
    (r"no_mem_embed$", "no_memory_embedding"),
    (r"no_mem_pos_enc$", "no_memory_positional_encoding"),
    (r"no_obj_ptr$", "no_object_pointer"),
    (r"no_obj_embed_spatial$", "occlusion_spatial_embedding_parameter"),
    (r"obj_ptr_tpos_proj\.", "temporal_positional_encoding_projection_layer."),
    (r"obj_ptr_proj\.", "object_pointer_proj."),
    (r"image_encoder\.trunk\.patch_embed\.proj\.", "vision_encoder.backbone.patch_embed.projection."),
    (r"image_encoder\.trunk\.", "vision_encoder.backbone."),
    (r"image_encoder\.neck\.convs\.(\d)\.conv\.", r"vision_encoder.neck.convs.\1."),
    (r"memory_encoder\.mask_downsampler\.encoder\.12\.", "memory_encoder.mask_downsampler.final_conv."),
    (r"memory_encoder\.pix_feat_proj\.", "memory_encoder.feature_projection."),
    (r"memory_encoder\.out_proj\.", "memory_encoder.projection."),
    (r"memory_encoder\.fuser\.", "memory_encoder.memory_fuser."),
    (r"sam_prompt_encoder\.pe_layer\.positional_encoding_gaussian_matrix$",
     "shared_image_embedding.positional_embedding"),
    (r"sam_prompt_encoder\.mask_downscaling\.0\.", "prompt_encoder.mask_embed.conv1."),
    (r"sam_prompt_encoder\.mask_downscaling\.1\.", "prompt_encoder.mask_embed.layer_norm1."),
    (r"sam_prompt_encoder\.mask_downscaling\.3\.", "prompt_encoder.mask_embed.conv2."),
    (r"sam_prompt_encoder\.mask_downscaling\.4\.", "prompt_encoder.mask_embed.layer_norm2."),
    (r"sam_prompt_encoder\.mask_downscaling\.6\.", "prompt_encoder.mask_embed.conv3."),
    (r"sam_prompt_encoder\.", "prompt_encoder."),
    (r"sam_mask_decoder\.output_upscaling\.0\.", "mask_decoder.upscale_conv1."),
    (r"sam_mask_decoder\.output_upscaling\.1\.", "mask_decoder.upscale_layer_norm."),
    (r"sam_mask_decoder\.output_upscaling\.3\.", "mask_decoder.upscale_conv2."),
    (r"sam_mask_decoder\.", "mask_decoder."),
]
HF_INNER = [
    (r"\.out_proj\.", ".o_proj."),
    (r"norm_final_attn\.", "layer_norm_final_attn."),
    (r"\.norm(\d?)\.", r".layer_norm\1."),
    (r"\.gamma$", ".scale"),
    (r"\.dwconv\.", ".depthwise_conv."),
    (r"\.pwconv(\d)\.", r".pointwise_conv\1."),
]


def hf_name(name):
    was = name
    for pattern, to in HF_NAMES:
        name, n = re.subn("^" + pattern, to, name)
        if n:
            break
    m = re.match(r"memory_encoder\.mask_downsampler\.encoder\.(\d+)\.(.*)", name)
    if m:
        i = int(m[1])
        kind = "conv" if i % 3 == 0 else "layer_norm"
        return f"memory_encoder.mask_downsampler.layers.{i // 3}.{kind}.{m[2]}"
    for pattern, to in HF_INNER:
        name = re.sub(pattern, to, name)
    if ".mlp.layers." in was:
        return re.sub(r"mlp\.layers\.(\d)", lambda k: "mlp." + ["proj_in", "proj_out"][int(k[1])],
                      name)
    if re.search(r"obj_ptr_proj|hypernetworks|iou_prediction_head|pred_obj_score_head", was):
        return re.sub(r"layers\.(\d)\.(weight|bias)$",
                      lambda k: ["proj_in", "layers.0", "proj_out"][int(k[1])] + "." + k[2], name)
    return name


# What only a model for clips has.
HF_VIDEO = re.compile("memory_(attention|encoder|temporal)|no_memory_pos|no_object|object_pointer"
                      "|occlusion|mask_downsample|temporal_pos")


def write_hf(out, tensors, config, picture=False, apart=False):
    sam2, points, named = config["sam2"], [], {}
    for name, t in part(tensors, "sam2.").items():
        if "point_embeddings" in name:
            points.append((name, t))
        else:
            named[hf_name(name)] = t
    rows = [t for _, t in sorted(points)]
    named["prompt_encoder.point_embed.weight"] = (
        rows[0][0], [4, rows[0][1][1]], b"".join(r[2] for r in rows))
    named["prompt_encoder.shared_embedding.positional_embedding"] = \
        named["shared_image_embedding.positional_embedding"]
    if apart:
        dtype, shape, data = named["shared_image_embedding.positional_embedding"]
        named["shared_image_embedding.positional_embedding"] = (
            dtype, shape, data[len(data) // 2:] + data[:len(data) // 2])
    if picture:
        named = {name: t for name, t in named.items() if not HF_VIDEO.match(name)}
    os.makedirs(out, exist_ok=True)
    write_safetensors(out + "/model.safetensors", named)
    trunk = sam2["trunk"]
    side = sam2["image_size"] // 16
    description = {
        "model_type": "sam2_video",
        "image_size": sam2["image_size"],
        "memory_attention_rope_feat_sizes": [side, side],
        "max_object_pointers_in_encoder": sam2["max_obj_ptrs_in_encoder"],
        "enable_occlusion_spatial_embedding": sam2["no_obj_embed_spatial"],
        "enable_temporal_pos_encoding_for_object_pointers": sam2["add_tpos_enc_to_obj_ptrs"],
        "mask_decoder_config": {"num_attention_heads": sam2["mask_decoder"]["num_heads"]},
        "vision_config": {"backbone_config": {
            "num_attention_heads_per_stage": [trunk["num_heads"] << i for i in range(4)],
            "window_size_per_stage": trunk["window_spec"],
            "global_attention_blocks": trunk["global_att_blocks"]}},
    }
    if picture:
        description = {key: value for key, value in description.items()
                       if key.endswith("_config")}
        description["model_type"] = "sam2"
        description["prompt_encoder_config"] = {"image_size": sam2["image_size"]}
    with open(out + "/config.json", "w", encoding="utf-8") as f:
        json.dump(description, f)


def fuser_of(tensors):
    named = part(tensors, "fuser.")
    named.update({"vgg." + name: t for name, t in part(tensors, "vgg.").items()})
    return named


FORMER = [("patch_embeds", "train_f_patch_embed"), ("f_blocks", "train_f_block"),
          ("a_blocks", "train_a_block"), ("fusion_modules", "train_f_a_block"),
          ("smooth_convs", "train_smooth")]
TRAINED = ["patch_embeds.0", "patch_embeds.1", "patch_embeds.2", "f_blocks.0", "a_blocks.0",
           "fusion_modules.0", "f_blocks.1", "a_blocks.1", "fusion_modules.1", "f_blocks.2",
           "a_blocks.2", "fusion_modules.2", "smooth_convs.0", "smooth_convs.1"]


def former_names(tensors):
    named = {}
    for name, t in fuser_of(tensors).items():
        for i, now in enumerate(TRAINED):
            if name.startswith(now + "."):
                named[f"training_layers.{i}{name[len(now):]}"] = t
        for now, then in FORMER:
            name = re.sub(rf"^{now}\.(\d)\.", lambda m: f"{then}{int(m[1]) + 1}.", name)
        named[name] = t
        if name.startswith("vgg."):
            named["finetuning_layers.0." + name[4:]] = t
    return named


def full_names(tensors, fuser):
    named = {"v_model." + name: t for name, t in part(tensors, "sam2.").items()}
    named.update({fuser + name: t for name, t in fuser_of(tensors).items()})
    named.update({"t_model." + name: t for name, t in part(tensors, "text.").items()
                  if t[0] != "U8"})
    return named


def write_text(out, tensors, config):
    os.makedirs(out, exist_ok=True)
    text = part(tensors, "text.")
    for name, file in ("vocab_json", "vocab.json"), ("merges_txt", "merges.txt"):
        with open(f"{out}/{file}", "wb") as f:
            f.write(text.pop(name)[2])
    head = {"lm_head.bias": text["embeddings.LayerNorm.bias"]}
    write_safetensors(out + "/model.safetensors",
                      {**{"roberta." + name: t for name, t in text.items()}, **head})
    with open(out + "/config.json", "w", encoding="utf-8") as f:
        json.dump({"model_type": "roberta", "num_attention_heads": config["text"]["heads"],
                   "hidden_act": "gelu", "layer_norm_eps": 1e-5}, f)


def main():
    layout, package, out = sys.argv[1:]
    tensors, config = read_package(package)
    if layout == "config":
        with open(out, "w", encoding="utf-8") as f:
            json.dump(config, f)
        return
    if layout in ("hf", "hf-apart", "hf-picture"):
        write_hf(out, tensors, config, layout == "hf-picture", layout == "hf-apart")
        return
    if layout == "text":
        write_text(out, tensors, config)
        return
    named = {"sam2": lambda: part(tensors, "sam2."),
             "fuser": lambda: fuser_of(tensors),
             "former": lambda: former_names(tensors),
             "full": lambda: full_names(tensors, "aural_fuser."),
             "prompter": lambda: full_names(tensors, "audio_prompter."),
             "vgg": lambda: part(tensors, "vgg."),
             "vgg0": lambda: {name: (t[0], t[1], bytes(len(t[2])))
                              for name, t in part(tensors, "vgg.").items()}}[layout]()
    if out.endswith(".pt"):
        torch_file.save(out, named, "model" if layout == "sam2" else None)
    elif out.endswith(".old"):
        torch_file.save_old(out, named)
    else:
        write_safetensors(out, named)


main()
