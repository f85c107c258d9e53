"""Times Earmark against PyTorch (transformers' SAM 2, eager, sdpa, inference mode), one run, CPU.

    python tests/reference/speed.py [--build build] [--sizes tiny base_plus] [--threads 2]
                                    [--rounds 5] [--sides earmark pytorch earmark:bf16 ...]
                                    [--stages click encode track]

Needs what requirements.txt names and a build; no network, no checkpoint. Each side is a process of
its own with the same random weights and frames and answers the same steps (sam2_hf.py, em_dump.c).
They take turns, a step each, while the others wait. Told are medians (least to most) and how many
times as long PyTorch takes with numbers of the same type (f32; "bf16": Earmark's products, all of
PyTorch's model). "cpu" is the processor time of all threads: where other work shares the
machine, compare that, with OMP_WAIT_POLICY=passive in the environment so that waiting is not
counted. Memory is each process' high-water mark (VmHWM), the frames' 252 MB (at 1024) and Python's
own included.

    click    a point on a frame with known features, the mask so far fed back: decoder
    encode   a frame's picture into features
    track    an object one frame onward, after 19 frames, so that it sees 7 memories and 16
             pointers: memory attention, decoder, memory encoder; features known
"""

import argparse
import platform
import statistics
import sys
import tempfile
from pathlib import Path

import torch
import transformers

import sam2_hf

LAST = 19  # the frame that is measured
STAGES = ["click", "encode", "track"]


def steps_of(side, n, stages):
    """(Stage, or None for what leads there, step), `n` rounds of each."""
    def point(name, x):
        return {"do": "points", "name": name, "frame": 0, "object": 1, "remember": False,
                "points": [[x, 3 * side / 8, 1]]}

    yield None, {"do": "open", "width": side, "height": side,
                 "options": {"max_cond_frames": 0, "feature_cache_bytes": 0}}
    yield None, point("first", side / 4)
    if "click" in stages:
        for i in range(3 * n):
            yield "click", point(f"click{i}", side / 4 + i)
    if "encode" in stages:
        for i in range(n):  # frames take turns, so that none is cached
            for frame in (1, 2, 3):
                yield "encode", {"do": "embed", "frame": frame}
    if "track" in stages:
        yield None, {"do": "reset"}
        yield None, point("again", side / 4) | {"remember": True}
        yield None, {"do": "propagate", "name": "to", "from": 0, "to": LAST - 1}
        yield None, {"do": "embed", "frame": LAST}
        for i in range(n):
            yield "track", {"do": "propagate", "name": f"on{i}", "from": LAST, "to": LAST}


def start(name, arguments, folder):
    program, _, precision = name.partition(":")
    inputs = folder / "inputs.safetensors"
    if program == "earmark":
        return sam2_hf.Engine(arguments.build, folder / "model.safetensors", inputs,
                              folder / "results.safetensors", arguments.threads,
                              f"cpu:{precision}" if precision else "cpu")
    return sam2_hf.Worker([sys.executable, Path(__file__).with_name("sam2_hf.py"), "--model",
                           folder / "hf", "--inputs", inputs, "--threads", arguments.threads,
                           "--dtype", "bfloat16" if precision else "float32"])


def measure(size, arguments, folder):
    """Answers by stage and side, and peak memory in kB by side."""
    side = arguments.image_size
    sam2_hf.make_model(size, "2.1", side, 1, folder / "hf")
    sam2_hf.make_package(arguments.build, folder / "hf", folder / "model.safetensors")
    sam2_hf.make_inputs(LAST + 1, side, 1, folder / "inputs.safetensors")
    workers = {name: start(name, arguments, folder) for name in arguments.sides}
    answers = {stage: {name: [] for name in workers} for stage in arguments.stages}
    memory = {}
    for stage, step in steps_of(side, arguments.rounds, arguments.stages):
        for name, worker in workers.items():
            answer = worker.step(step)
            memory[name] = answer["peak_kb"]
            if stage:
                answers[stage][name].append(answer)
    for worker in workers.values():
        worker.close()
    return answers, memory


def ratios(numbers):
    """PyTorch's number over Earmark's, of each precision that both were asked for."""
    pairs = [(numbers.get(f"earmark{p}"), numbers.get(f"pytorch{p}")) for p in ("", ":bf16")]
    return ", ".join(f"{theirs / ours:.2f}" for ours, theirs in pairs if ours and theirs)


def print_rows(size, answers, memory):
    def row(what, texts, numbers):
        print(f"| {size} | {what} | {' | '.join(texts)} | {ratios(numbers)} |", flush=True)

    for stage, by_side in answers.items():
        for kind, words in (("seconds", "ms"), ("cpu", "ms cpu")):
            times = {name: [1e3 * a[kind] for a in got] for name, got in by_side.items()}
            medians = {name: statistics.median(t) for name, t in times.items()}
            texts = [f"{medians[name]:.0f} ({min(t):.0f} to {max(t):.0f})"
                     for name, t in times.items()]
            row(f"{stage}, {words}", texts, medians)
    row("peak memory, MiB", [f"{kb / 1024:.0f}" for kb in memory.values()], memory)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default="build", help="the build folder")
    parser.add_argument("--sizes", nargs="+", default=["tiny", "base_plus"],
                        choices=sam2_hf.TRUNKS.keys())
    parser.add_argument("--image-size", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sides", nargs="+", default=["earmark", "pytorch"],
                        choices=["earmark", "pytorch", "earmark:bf16", "pytorch:bf16"])
    parser.add_argument("--stages", nargs="+", default=STAGES, choices=STAGES)
    arguments = parser.parse_args()
    print(f"PyTorch {torch.__version__}, transformers {transformers.__version__}, "
          f"{arguments.threads} threads, {arguments.image_size} px, {platform.platform()}\n")
    print(f"| model | stage | {' | '.join(arguments.sides)} | ratio |")
    print(f"|---|---|{'--:|' * (len(arguments.sides) + 1)}")
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            print_rows(size, *measure(size, arguments, Path(folder)))


if __name__ == "__main__":
    main()
