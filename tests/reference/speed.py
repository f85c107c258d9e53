"""Times Earmark against PyTorch (transformers' SAM 2, eager, sdpa, inference mode), one run, CPU.

    python tests/reference/speed.py [--build build] [--sizes tiny base_plus] [--threads 2]
                                    [--rounds 5] [--sides earmark pytorch]

Needs what requirements.txt names and a build; no network, no checkpoint. Each side is a process of
its own with the same random weights and frames and answers the same steps (sam2_hf.py, em_dump.c):
both track 19 frames, so that a frame sees 7 memories and 16 pointers, and then take turns, one step
each, while the others wait. Medians, and how many times as long PyTorch takes. Memory is each
process' high-water mark (VmHWM), the frames' 252 MB (at 1024) and Python's own included.

    encode   a frame's picture into features
    track    an object one frame onward: memory attention, decoder, memory encoder; features known
    click    one more point on a frame with known features: decoder
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
STAGES = ("encode", "track", "click")


def opening(side):
    return [
        {"do": "open", "width": side, "height": side,
         "options": {"max_cond_frames": 0, "feature_cache_bytes": 0}},
        {"do": "points", "name": "click", "frame": 0, "object": 1,
         "points": [[side / 4, 3 * side / 8, 1]]},
        {"do": "propagate", "name": "track", "from": 0, "to": LAST - 1},
    ]


def rounds(side, n):
    """(Stage or None, step) of `n` rounds. Frames to encode take turns, so that none is cached."""
    yield None, {"do": "embed", "frame": LAST}
    for i in range(n):
        for frame in (LAST - 2, LAST - 1, LAST):
            yield "encode", {"do": "embed", "frame": frame}
        yield "track", {"do": "propagate", "name": f"again{i}", "from": LAST, "to": LAST}
    # Another object, whose first frame this is: no memory takes part.
    yield None, {"do": "embed", "frame": LAST}
    for i in range(3 * n):
        yield "click", {"do": "points", "name": f"click{i}", "frame": LAST, "object": 2,
                        "points": [[side / 2 + i, side / 2, 1]], "remember": False}


def start(side_name, arguments, folder):
    directory, inputs = folder / "hf", folder / "inputs.safetensors"
    if side_name == "earmark":
        return sam2_hf.Engine(arguments.build, folder / "model.safetensors", inputs,
                              folder / f"{side_name}.safetensors", arguments.threads)
    return sam2_hf.Worker([sys.executable, Path(__file__).with_name("sam2_hf.py"), "--model", directory,
                           "--inputs", inputs, "--threads", arguments.threads])


def measure(size, arguments, folder):
    """Answers by stage and side, and peak memory in kB by side."""
    side = arguments.image_size
    sam2_hf.make_model(size, "2.1", side, 1, folder / "hf")
    sam2_hf.make_package(arguments.build, folder / "hf", folder / "model.safetensors")
    sam2_hf.make_inputs(LAST + 1, side, 1, folder / "inputs.safetensors")
    workers = {name: start(name, arguments, folder) for name in arguments.sides}
    times = {stage: {name: [] for name in workers} for stage in STAGES}
    memory = {}
    for worker in workers.values():
        for step in opening(side):
            worker.step(step)
    for stage, step in rounds(side, arguments.rounds):
        for name, worker in workers.items():
            answer = worker.step(step)
            memory[name] = answer["peak_kb"]
            if stage:
                times[stage][name].append(answer)
    for worker in workers.values():
        worker.close()
    return times, memory


def print_rows(size, answers, memory, sides):
    def row(what, texts, numbers):
        ratio = f"{numbers[-1] / numbers[0]:.2f}" if len(sides) > 1 else "-"
        print(f"| {size} | {what} | {' | '.join(texts)} | {ratio} |", flush=True)

    for stage in STAGES:
        for kind, words in (("seconds", "ms"), ("cpu", "ms cpu")):
            times = [[1e3 * a[kind] for a in answers[stage][name]] for name in sides]
            medians = [statistics.median(t) for t in times]
            row(f"{stage}, {words}",
                [f"{m:.0f} ({min(t):.0f} to {max(t):.0f})" for m, t in zip(medians, times)], medians)
    peaks = [memory[name] / 1024 for name in sides]
    row("peak memory, MiB", [f"{p:.0f}" for p in peaks], peaks)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default="build", help="the build folder")
    parser.add_argument("--sizes", nargs="+", default=["tiny", "base_plus"],
                        choices=sam2_hf.TRUNKS.keys())
    parser.add_argument("--image-size", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sides", nargs="+", default=["earmark", "pytorch"],
                        choices=["earmark", "pytorch"])
    arguments = parser.parse_args()
    print(f"PyTorch {torch.__version__}, transformers {transformers.__version__}, "
          f"{arguments.threads} threads, {arguments.image_size} px, {platform.platform()}\n")
    print(f"| model | stage | {' | '.join(arguments.sides)} | ratio |")
    print(f"|---|---|{'--:|' * (len(arguments.sides) + 1)}")
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            print_rows(size, *measure(size, arguments, Path(folder)), arguments.sides)


if __name__ == "__main__":
    main()
