"""Compares Earmark with Hugging Face transformers: the same random weights, frames and prompts.

    python tests/reference/parity.py [--build build] [--sizes tiny base_plus] [--versions 2.1 2.0]
                                     [--image-size 1024] [--frames 20] [--short]
                                     [--device cpu] [--tolerance 1e-3] [--disturb X]

Needs what requirements.txt names and a build; no network, no checkpoint. The weights go through
`earmark-cli weights import`, the frames enter both as normalised tensors: what is compared is the
import, the models and the tracker. What transformers does otherwise than the original code, and how
it is dealt with, is said in sam2_hf.py. Prints a table and exits with 8 if anything is out of
bounds: logits by relative L2, masks by their IoU (0.99) on every frame, predicted IoU and object
scores by the absolute difference.

Rounding memories to bfloat16, as the original and transformers do and Earmark does by default,
turns the last digit of some into the third, and random weights make more of it from frame to frame:
there logits and scores have ten times the tolerance. All else is therefore compared with memories
in f32, where logits of videos have a tenth of it, which sees what masks do not (a pointer's
distance divided by 16 instead of 15, for one). What a memory is made of on prompted frames is the
mask of 0 and 1 at full size, where a pixel with a logit of 1e-6 may fall on either side: "flips"
counts those, and a run with any has the tolerance of bfloat16.

With --disturb, transformers is compared with itself on frames that differ by the given part of
every value: what rounding alone comes to.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: the other side's turns are ours

import torch
from torch.nn import functional as F

import sam2_hf

OVERLAP = 0.99


def image_prompts(side):
    def at(*points):
        return [[x * side, y * side, label] for x, y, label in points]

    point = at((0.25, 0.375, 1))
    three = at((0.25, 0.375, 1), (0.3, 0.4, 1), (0.75, 0.25, 0))
    box = at((0.125, 0.25, 2), (0.375, 0.5, 3))
    return [
        {"name": "point", "points": point},
        {"name": "3 points", "points": three},
        {"name": "box", "points": box},
        {"name": "box + point", "points": box + point},
        # Two tokens that are no points, as transformers and the video path have it.
        {"name": "mask", "points": [[0, 0, -1]], "mask": "logits"},
        {"name": "mask + point", "points": point, "mask": "logits"},
    ]


def scenarios(side, n, short):
    """(Switches, title, steps), those with the same switches together. Prompts are in pixels of a
    display as large as the model's input, so that the masks given are the same on both sides."""
    few = 4 if short else n

    def at(x, y, label=1):
        return [x * side, y * side, label]

    def click(name, frame=0, **more):
        move = frame / 32  # the square's way
        return {"do": "points", "name": name, "frame": frame, "object": 1,
                "points": [at(0.25 + move, 0.375 + move / 2)], **more}

    def run(name, first, last):
        return {"do": "propagate", "name": name, "from": first, "to": last}

    box = [0.125 * side, 0.25 * side, 0.375 * side, 0.5 * side]
    three = [at(0.25, 0.375), at(0.3, 0.4), at(0.75, 0.25, 0)]

    def corrected(n):
        correction = click("correction", n // 2)
        correction["points"] += [at(0.6, 0.9, 0)]
        return [click("click"), run("track", 0, n - 1), correction, run("again", 0, n - 1)]

    stock = {"max_cond_frames": 0, "corrected_become_cond": False, "memory_f32": True}
    conditions = stock | {"corrected_become_cond": True}
    return [
        (stock, "point, correction that does not condition",
         corrected(few)[:3] + [run("again", few // 2 + 1, few - 1)]),
        (stock, "3 points", [click("clicks", points=three), run("track", 0, few - 1)]),
        (stock, "box", [{"do": "points", "name": "box", "frame": 0, "object": 1, "box": box},
                        run("track", 0, few - 1)]),
        (stock, "box + point", [click("box", box=box), run("track", 0, few - 1)]),
        (stock, "mask", [{"do": "mask", "name": "mask", "frame": 0, "object": 1, "mask": "square"},
                         run("track", 0, few - 1)]),
        (stock, "second object later", [
            click("click"), run("track", 0, few - 1),
            {"do": "points", "name": "second", "frame": few // 2, "object": 2,
             "points": [at(0.75 - few / 64, 0.25 + few / 64)]},
            run("both", 0, few - 1)]),
        (stock, "reverse", [click("click", few - 1), run("back", few - 1, 0)]),
        (conditions, "point, correction", corrected(few)),
        (conditions | {"memory_f32": False}, "point, correction, bf16", corrected(n)),
    ]


def relative(a, b):
    return float((a - b).norm() / b.norm())


def overlap_of(a, b):
    """IoU; 1 where both are empty."""
    return 1 - float((a ^ b).sum() / (a | b).sum().clamp(1))


def share(x):
    return float((x > 0).float().mean())


class Table:
    """Lines of what was compared; `bad` once something is out of bounds."""

    def __init__(self, tolerance):
        self.tolerance = tolerance
        self.bad = False
        print("| model | mode | prompt | compared | logits, relative L2 | masks, least IoU "
              "| predicted IoU | object score | area of masks | present | flips |")
        print("|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|")

    def line(self, model, mode, prompt, got, want, factor, n_flips="-"):
        """`got` and `want` are lists of (logits, predicted IoU, object score); logits have `factor`
        times the tolerance, scores if it is above 1."""
        logits = max(relative(g[0], w[0]) for g, w in zip(got, want))
        overlap = min(overlap_of(g[0] > 0, w[0] > 0) for g, w in zip(got, want))
        iou = max(float((g[1] - w[1]).abs().max()) for g, w in zip(got, want))
        score = max(float((g[2] - w[2]).abs().max()) for g, w in zip(got, want))
        areas = sorted(share(w[0]) for w in want)
        present = sum(bool((w[2] > 0).all()) for w in want)
        bounded = [logits / factor, iou / max(factor, 1), score / max(factor, 1)]
        bad = overlap < OVERLAP or not all(x <= self.tolerance for x in bounded)  # NaN is bad
        self.bad |= bad
        print(f"| {model} | {mode} | {prompt} | {len(want)} | {logits:.1e} | {overlap:.4f} "
              f"| {iou:.1e} | {score:.1e} | {100 * areas[0]:.0f}..{100 * areas[-1]:.0f} % "
              f"| {present} of {len(want)} | {n_flips} |{' MISS' if bad else ''}", flush=True)


def count_flips(got, want, names, side):
    """Pixels of the masks of `names` that are in on one side only, at full size."""
    masks = [torch.stack([r.results[f"{name}.low_res"].reshape(1, side // 4, side // 4)
                          for name in names]) for r in (got, want)]
    full = [F.interpolate(mask, size=(side, side), mode="bilinear") > 0 for mask in masks]
    return int((full[0] ^ full[1]).sum())


def triple(results, name, logits, iou="iou"):
    values = [results[f"{name}.{key}"] for key in (logits, iou, "score")]
    return tuple(value.detach().float().flatten() for value in values)


def steps_of(prompts, runs, side, n):
    """All of a model's comparisons as steps. Objects are forgotten in between; the features of all
    frames are kept until the switches change."""
    yield {"do": "image", "frame": 0, "prompts": prompts}
    before = None
    for options, title, steps in runs:
        if options == before:
            yield {"do": "reset"}
        else:
            yield {"do": "open", "width": side, "height": side, "features": n,
                   "options": options | {"feature_cache_bytes": 1 << 33}}
        before = options
        for step in steps:
            yield step | {"name": f"{title}/{step['name']}"}


def compare_model(table, arguments, size, version, folder):
    side, n = arguments.image_size, arguments.frames
    model = f"{size} {version}"
    directory, package = folder / "hf", folder / "model.safetensors"
    inputs = folder / "inputs.safetensors"
    sam2_hf.make_model(size, version, side, arguments.seed, directory)
    sam2_hf.make_package(arguments.build, directory, package)
    sam2_hf.make_inputs(n, side, arguments.seed, inputs)
    reference = sam2_hf.Reference(directory, inputs)
    prompts = image_prompts(side)
    runs = scenarios(side, n, arguments.short)
    if arguments.disturb:
        engine = sam2_hf.Reference(directory, inputs)
        noise = 2 * torch.rand_like(engine.inputs["frames"]) - 1
        engine.inputs["frames"] *= 1 + arguments.disturb * noise
    else:
        engine = sam2_hf.Engine(arguments.build, package, inputs, folder / "results.safetensors",
                                arguments.threads, arguments.device)
    for step in steps_of(prompts, runs, side, n):
        engine.step(step)
        reference.step(step)
    engine.close()
    for key in ("s0", "s1", "embed"):
        pair = [r.results[f"frame0.{key}"].flatten() for r in (engine, reference)]
        error = relative(*pair)
        bad = not error <= table.tolerance
        table.bad |= bad
        print(f"| {model} | image | - | {key} | {error:.1e} | | | | | | |{' MISS' * bad}")
    for prompt in prompts:
        name = prompt["name"]
        for mode, keys in (("image", ("masks",)), ("image", ("single", "single_iou"))):
            table.line(model, mode, f"{name}, {keys[0]}", [triple(engine.results, name, *keys)],
                       [triple(reference.results, name, *keys)], 1)

    for options, title, _ in runs:
        names = [[key[:-8] for key in r.results
                  if key.startswith(f"{title}/") and key.endswith(".low_res")]
                 for r in (engine, reference)]
        if sorted(names[0]) != sorted(names[1]):
            sys.exit(f"{model}, {title}: not the same answers: {names}")
        prompts = [name for name in names[1] if ".frame" not in name]
        n_flips = count_flips(engine, reference, prompts, side)
        factor = 0.1 if options["memory_f32"] and not n_flips else 10
        table.line(model, "video", title,
                   *[[triple(r.results, name, "low_res") for name in names[1]]
                     for r in (engine, reference)], factor, n_flips)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default="build", help="the build folder")
    parser.add_argument("--sizes", nargs="+", default=["tiny", "base_plus"],
                        choices=sam2_hf.TRUNKS.keys())
    parser.add_argument("--versions", nargs="+", default=["2.1", "2.0"], choices=["2.1", "2.0"])
    parser.add_argument("--image-size", type=int, default=1024)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--short", action="store_true",
                        help="4 frames in all but the first prompt's and its correction's passes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="Earmark's")
    parser.add_argument("--tolerance", type=float, default=1e-3)
    parser.add_argument("--disturb", type=float, metavar="X",
                        help="compare transformers with itself instead")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    table = Table(arguments.tolerance)
    for size in arguments.sizes:
        for version in arguments.versions:
            with tempfile.TemporaryDirectory() as folder:
                compare_model(table, arguments, size, version, Path(folder))
    return 8 if table.bad else 0


if __name__ == "__main__":
    sys.exit(main())
