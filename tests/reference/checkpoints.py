"""Files that PyTorch and transformers really write, imported: one model has one digest.

usage: checkpoints.py EARMARK-CLI MAKE-PACKAGE (from a build folder); run by hand, not by CI.
Needs torch, safetensors and transformers from PyPI; last run with 2.15, 0.8 and 5.23.

The tests of the build write such files byte by byte (tests/cli/torch_file.py); this shows that
those bytes are the ones that are met outside.
"""
import json
import os
import subprocess
import sys
import tempfile
from collections import OrderedDict

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import RobertaConfig, RobertaForMaskedLM, Sam2VideoConfig, Sam2VideoModel

CLI, MAKE = sys.argv[1:]
failed = 0


def check(what, got, want):
    global failed
    print("ok  " if got == want else "FAIL", what)
    if got != want:
        print("     got ", got, "\n     want", want)
        failed += 1


def imported(*files, dtype=None):
    """-> digest and tensors of the package"""
    out = "out.safetensors"
    more = ["--dtype", dtype] if dtype else []
    run = subprocess.run([CLI, "weights", "import", *files, "-o", out, "--json", *more],
                         capture_output=True, text=True, check=False)
    if run.returncode:
        return run.stderr.strip(), {}
    with safe_open(out, "pt") as f:
        return json.loads(run.stdout)["digest"], {k: f.get_tensor(k) for k in f.keys()}


def part(tensors, prefix):
    return {k[len(prefix):]: t for k, t in tensors.items() if k.startswith(prefix)}


def config_of(package, path):
    with safe_open(package, "pt") as f:
        text = f.metadata()["earmark.config"]
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def turned(t):
    """the same values over a storage in another order"""
    return t.t().contiguous().t() if t.dim() == 2 else t


def containers(tensors):
    """name -> function that writes a file of the state dictionary"""
    def write(path, value, **options):
        torch.save(value, path, **options)
        return path

    def flat(path):  # all of them views of one storage
        whole = torch.cat([t.flatten() for t in tensors.values() if t.dtype == torch.float32])
        views, at = {}, 0
        for name, t in tensors.items():
            if t.dtype != torch.float32:
                views[name] = t
                continue
            views[name] = whole[at:at + t.numel()].view(t.shape)
            at += t.numel()
        return write(path, views)

    def unchecked(path):
        torch.serialization.set_crc32_options(False)
        try:
            return write(path, tensors)
        finally:
            torch.serialization.set_crc32_options(True)

    def aligned(path):
        save = torch.utils.serialization.config.save
        was, save.storage_alignment = save.storage_alignment, 4096
        try:
            return write(path, tensors)
        finally:
            save.storage_alignment = was

    with_metadata = OrderedDict(tensors)
    with_metadata._metadata = OrderedDict(a={"version": 1})
    wrapped = OrderedDict(("module." + k, torch.nn.Parameter(turned(t), requires_grad=False))
                          for k, t in tensors.items())
    return {
        "a state dictionary": lambda p: write(p, dict(tensors)),
        "with its metadata": lambda p: write(p, with_metadata),
        "under model": lambda p: write(p, {"model": tensors}),
        "of a training": lambda p: write(p, {"epoch": 3, "lr": 1e-4, "state_dict": wrapped,
                                             "history": [1, 2, {"a": (None, True)}]}),
        "turned": lambda p: write(p, {k: turned(t) for k, t in tensors.items()}),
        "of one storage": flat,
        "without checksums": unchecked,
        "aligned to pages": aligned,
        "of pickle protocol 3": lambda p: write(p, dict(tensors), pickle_protocol=3),
        "before 1.6": lambda p: write(p, dict(tensors), _use_new_zipfile_serialization=False),
        "before 1.6, turned": lambda p: write(p, {k: turned(t) for k, t in tensors.items()},
                                              _use_new_zipfile_serialization=False),
        "as safetensors": lambda p: (save_file({k: t.contiguous().clone()
                                                for k, t in tensors.items()}, p), p)[1],
    }


def one_digest(what, tensors, want, *others):
    for name, write in containers(tensors).items():
        path = write("file.pt")
        check(f"{what}, {name}", imported(path, *others)[0], want)
        os.unlink(path)


def sam2_of_transformers():
    """Random, in its full width: the trunk of the tiny one."""
    for occlusion in True, False:
        config = Sam2VideoConfig(enable_occlusion_spatial_embedding=occlusion,
                                 enable_temporal_pos_encoding_for_object_pointers=occlusion)
        model = Sam2VideoModel(config)
        with torch.no_grad():
            for p in model.parameters():
                p.uniform_(-1, 1)
            model.prompt_encoder.shared_embedding.positional_embedding.copy_(
                model.shared_image_embedding.positional_embedding)
        model.save_pretrained("sam2")
        want, tensors = imported("sam2")
        name = "SAM 2.1 of transformers" if occlusion else "SAM 2.0 of transformers"
        check(f"{name}: tensors", len(tensors), 471 if occlusion else 468)
        state = model.state_dict()
        check(f"{name}: a value of the trunk", torch.equal(
            tensors["sam2.image_encoder.trunk.blocks.3.attn.qkv.weight"],
            state["vision_encoder.backbone.blocks.3.attn.qkv.weight"]), True)
        check(f"{name}: points", torch.equal(
            torch.cat([tensors[f"sam2.sam_prompt_encoder.point_embeddings.{i}.weight"]
                       for i in range(4)]), state["prompt_encoder.point_embed.weight"]), True)
        one_digest(name + " by the authors' names", part(tensors, "sam2."), want)
        half = {k: t.half() for k, t in part(tensors, "sam2.").items()}
        torch.save({"model": half}, "half.pt")
        check(f"{name}: stored as halves", imported("half.pt")[0],
              imported("sam2", dtype="f16")[0])


def small_parts():
    """AuralSAM2 in small: what torch.save makes of every layout."""
    for kind in "hearing", "reading":
        subprocess.run([MAKE, "package", kind], check=True)
        config = config_of("package", "earmark.json")
        want, tensors = imported("package")
        sam2 = part(tensors, "sam2.")
        fuser = {**part(tensors, "fuser."),
                 **{"vgg." + k: t for k, t in part(tensors, "vgg.").items()}}
        words = {k: t for k, t in part(tensors, "text.").items() if t.dtype != torch.uint8}
        extra = []
        if words:
            for name, path in ("vocab_json", "vocab.json"), ("merges_txt", "merges.txt"):
                with open(path, "wb") as f:
                    f.write(bytes(tensors["text." + name].tolist()))
                extra.append(path)
        full = {**{"v_model." + k: t for k, t in sam2.items()},
                **{"aural_fuser." + k: t for k, t in fuser.items()},
                **{"t_model." + k: t for k, t in words.items()}}
        one_digest(f"{kind}: a whole model", full, want, config, *extra)
        if not words:
            torch.save({"model": sam2}, "sam2.pt")
            one_digest(f"{kind}: the fuser", fuser, want, "sam2.pt", config)
            torch.save(part(tensors, "vgg."), "vggish.pth", _use_new_zipfile_serialization=False)
            torch.save(part(tensors, "fuser."), "fuser.pt")
            check(f"{kind}: VGGish apart",
                  imported("vggish.pth", "sam2.pt", "fuser.pt", config)[0], want)


def text_model():
    """A RoBERTa under a language model's head, beside the fuser that reads."""
    subprocess.run([MAKE, "package", "reading"], check=True)
    tensors = imported("package")[1]
    config = config_of("package", "earmark.json")
    model = RobertaForMaskedLM(RobertaConfig(
        vocab_size=tensors["text.embeddings.word_embeddings.weight"].shape[0], hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=tensors["text.embeddings.position_embeddings.weight"].shape[0],
        type_vocab_size=1, layer_norm_eps=1e-5))
    model.save_pretrained("roberta")
    for name, path in ("vocab_json", "vocab.json"), ("merges_txt", "merges.txt"):
        with open("roberta/" + path, "wb") as f:
            f.write(bytes(tensors["text." + name].tolist()))
    torch.save({**{"v_model." + k: t for k, t in part(tensors, "sam2.").items()},
                **{"aural_fuser." + k: t for k, t in part(tensors, "fuser.").items()},
                **{"aural_fuser.vgg." + k: t for k, t in part(tensors, "vgg.").items()}}, "all.pth")
    text = imported("all.pth", "roberta", config)
    state = model.roberta.state_dict()
    check("RoBERTa of transformers: tensors", sorted(part(text[1], "text.")) or text[0],
          sorted(set(state) - {"embeddings.position_ids", "embeddings.token_type_ids"}
                 | {"vocab_json", "merges_txt"}))
    check("RoBERTa of transformers: a value", torch.equal(
        text[1].get("text.encoder.layer.0.attention.self.key.weight", torch.zeros(1)),
        state["encoder.layer.0.attention.self.key.weight"]), True)


def main():
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        small_parts()
        text_model()
        sam2_of_transformers()
    print(f"{failed} failed" if failed else "all well")
    sys.exit(bool(failed))


CLI, MAKE = os.path.abspath(CLI), os.path.abspath(MAKE)
main()
