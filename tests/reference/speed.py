"""Times Earmark against PyTorch (transformers' SAM 2, eager, sdpa, inference mode), one run, CPU.

    python tests/reference/speed.py [--build build] [--sizes tiny base_plus] [--threads 2]
                                    [--rounds 5] [--sides earmark pytorch pytorch:intel ...]
                                    [--stages click encode track]

Needs what requirements.txt names and a build; no network, no checkpoint. Each side is a process of
its own with the same random weights and frames and answers the same steps (sam2_hf.py, em_dump.c).
They take turns, a step each, while the others wait. Told are medians (least to most) and, with
PyTorch's, how many times as long as Earmark's with numbers of the same type. "cpu" is the processor
time of all threads: where other work shares the machine, compare that, with OMP_WAIT_POLICY=passive
in the environment so that waiting is not counted. Memory is each process' high-water mark (VmHWM),
the frames' 252 MB (at 1024) and Python's own included.

    earmark         f32
    earmark:bf16    products in bf16
    pytorch         f32, as installed
    pytorch:intel   the same, its library of matrix products (MKL) told that the processor is
                    Intel's: on others it leaves AVX-512 unused, here over half of its speed
    pytorch:bf16    the model in bf16

    click    a point on a frame with known features, the mask so far fed back: decoder
    encode   a frame's picture into features
    track    an object one frame onward, after 19 frames, so that it sees 7 memories and 16
             pointers: memory attention, decoder, memory encoder; features known
"""

import argparse
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers

import sam2_hf

LAST = 19  # the frame that is measured
SIDES = ["earmark", "pytorch", "pytorch:intel", "earmark:bf16", "pytorch:bf16"]
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
    program, _, kind = name.partition(":")
    inputs = folder / "inputs.safetensors"
    if program == "earmark":
        return sam2_hf.Engine(arguments.build, folder / "model.safetensors", inputs,
                              folder / "results.safetensors", arguments.threads,
                              "cpu:bf16" if kind else "cpu")
    environment = {}
    if kind == "intel":
        code, library = folder / "intel.c", folder / "intel.so"
        code.write_text("int mkl_serv_intel_cpu_true (void) { return 1; }\n")
        subprocess.run(["cc", "-shared", "-fPIC", code, "-o", library], check=True)
        environment["LD_PRELOAD"] = str(library)
    return sam2_hf.Worker([sys.executable, Path(__file__).with_name("sam2_hf.py"), "--model",
                           folder / "hf", "--inputs", inputs, "--threads", arguments.threads,
                           "--dtype", "bfloat16" if kind == "bf16" else "float32"], environment)


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


def print_rows(size, answers, memory):
    def row(what, numbers, texts):
        cells = []
        for name, text in texts.items():
            ours = numbers.get("earmark:bf16" if name.endswith(":bf16") else "earmark")
            compared = ours and name.startswith("pytorch")
            cells.append(f"{text}, {numbers[name] / ours:.2f} x" if compared else text)
        print(f"| {size} | {what} | {' | '.join(cells)} |", flush=True)

    for stage, by_side in answers.items():
        for kind, words in (("seconds", "ms"), ("cpu", "ms cpu")):
            times = {name: [1e3 * a[kind] for a in got] for name, got in by_side.items()}
            medians = {name: statistics.median(t) for name, t in times.items()}
            row(f"{stage}, {words}", medians,
                {n: f"{medians[n]:.0f} ({min(t):.0f} to {max(t):.0f})" for n, t in times.items()})
    row("peak memory, MiB", memory, {name: f"{kb / 1024:.0f}" for name, kb in memory.items()})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default="build", help="the build folder")
    parser.add_argument("--sizes", nargs="+", default=["tiny", "base_plus"],
                        choices=sam2_hf.TRUNKS.keys())
    parser.add_argument("--image-size", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sides", nargs="+", default=SIDES[:3],
                        choices=SIDES)
    parser.add_argument("--stages", nargs="+", default=STAGES, choices=STAGES)
    arguments = parser.parse_args()
    print(f"PyTorch {torch.__version__}, transformers {transformers.__version__}, "
          f"{arguments.threads} threads, {arguments.image_size} px, {platform.platform()}\n")
    print(f"| model | stage | {' | '.join(arguments.sides)} |")
    print(f"|---|---|{'--:|' * len(arguments.sides)}")
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            print_rows(size, *measure(size, arguments, Path(folder)))


if __name__ == "__main__":
    main()
