"""Times Earmark against PyTorch (transformers' SAM 2, sdpa, inference mode), one run.

    python tests/reference/speed.py [--build build] [--sizes tiny base_plus] [--threads 2]
                                    [--rounds 5] [--sides earmark pytorch pytorch:intel ...]
                                    [--stages click encode track] [--device cuda]
                                    [--compile max-autotune] [--markdown FILE]

Needs what requirements.txt names and a build; no network, no checkpoint. Each side is a process of
its own with the same random weights and frames and answers the same steps (sam2_hf.py, em_dump.c).
They take turns, a step each, while the others wait. Told are medians (least to most) and, with
PyTorch's, how many times as long as Earmark's with numbers of the same type. "cpu" is the processor
time of all threads: where other work shares the machine, compare that, with OMP_WAIT_POLICY=passive
in the environment so that waiting is not counted. Memory is each process' high-water mark (VmHWM),
the frames' 252 MB (at 1024) and Python's own included.

    earmark           f32
    earmark:bf16      products in bf16
    pytorch           f32, as installed
    pytorch:intel     the same, its library of matrix products (MKL) told that the processor is
                      Intel's: on others it leaves AVX-512 unused, here over half of its speed
    pytorch:bf16      the model in bf16
    pytorch:compiled  the model in bf16 (on a CPU f32), its image encoder, memory attention, mask
                      decoder and memory encoder through torch.compile for the steps that count

    click    a point on a frame with known features, the mask so far fed back: decoder
    encode   a frame's picture into features
    track    an object one frame onward, after 19 frames, so that it sees 7 memories and 16
             pointers: memory attention, decoder, memory encoder; features known

The first rounds of each stage do not count where PyTorch compiles or a GPU's graphs are captured.
With --device cuda three times are told. "clock": from asking until the answer is on the
host; the picture's way to the device is in Earmark's, PyTorch's frames are there. "device": between two CUDA events around the step; of Earmark the time of its ops by events.
"parts": of PyTorch only its four compiled modules, without what joins them, beside all of
Earmark's ops. Memory is the device's, of PyTorch what its tensors took at most.
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
SIDES = ["earmark", "pytorch", "pytorch:intel", "earmark:bf16", "pytorch:bf16", "pytorch:compiled"]
STAGES = ["click", "encode", "track"]
WARM_UP = 3  # rounds that do not count where something is compiled or captured


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
    inputs, cuda = folder / "inputs.safetensors", arguments.device == "cuda"
    if program == "earmark":
        device = f"cuda:{kind or 'f32'}" if cuda else "cpu:bf16" if kind else "cpu"
        return sam2_hf.Engine(arguments.build, folder / "model.safetensors", inputs,
                              folder / "results.safetensors", arguments.threads, device)
    environment = {}
    if kind == "intel":
        code, library = folder / "intel.c", folder / "intel.so"
        code.write_text("int mkl_serv_intel_cpu_true (void) { return 1; }\n")
        subprocess.run(["cc", "-shared", "-fPIC", code, "-o", library], check=True)
        environment["LD_PRELOAD"] = str(library)
    half = kind == "bf16" or (kind == "compiled" and cuda)
    command = [sys.executable, Path(__file__).with_name("sam2_hf.py"), "--model", folder / "hf",
               "--inputs", inputs, "--threads", arguments.threads, "--device", arguments.device,
               "--dtype", "bfloat16" if half else "float32"]
    if kind == "compiled":
        command += ["--compile", arguments.compile]
    return sam2_hf.Worker(command, environment)


def measure(size, arguments, folder):
    """Stage by stage, answers by side; at the end None and the last answers."""
    side, rounds = arguments.image_size, arguments.rounds + arguments.warm_up
    sam2_hf.make_model(size, "2.1", side, 1, folder / "hf")
    sam2_hf.make_package(arguments.build, folder / "hf", folder / "model.safetensors")
    sam2_hf.make_inputs(LAST + 1, side, 1, folder / "inputs.safetensors")
    workers = {name: start(name, arguments, folder) for name in arguments.sides}
    current, last = None, {}
    for stage, step in steps_of(side, rounds, arguments.stages):
        if current and stage != current:
            yield current, answers
        if not last or stage != current:
            current, answers = stage, {name: [] for name in workers}
        for name, worker in list(workers.items()):
            try:
                last[name] = worker.step(step | {"measured": stage is not None})
                answers[name].append(last[name])
            except SystemExit as why:  # the others go on
                print(f"{name}: {why}", file=sys.stderr)
                del workers[name]
                arguments.failed.append(name)
    if current:
        yield current, answers
    for worker in workers.values():
        worker.close()
    yield None, last


class Table:
    def __init__(self, arguments):
        self.cuda, self.warm_up = arguments.device == "cuda", arguments.warm_up
        self.sides = arguments.sides
        self.file = arguments.markdown and open(arguments.markdown, "w")

    def print(self, line):
        print(line, flush=True)
        if self.file:
            print(line, file=self.file, flush=True)

    def baseline(self, name):
        """The side that is Earmark with numbers of the same type."""
        half = name.endswith(":bf16") or (name.endswith(":compiled") and self.cuda)
        return "earmark:bf16" if half else "earmark"

    def row(self, what, numbers, texts):
        cells = []
        for name in self.sides:
            if name not in numbers:
                cells.append("")
                continue
            ours = numbers.get(self.baseline(name))
            compared = ours and name.startswith("pytorch")
            times = f", {numbers[name] / ours:.2f} x" if compared else ""
            cells.append(texts[name] + times)
        self.print(f"| {what} | {' | '.join(cells)} |")

    def times(self, what, by_side, digits):
        medians = {name: statistics.median(t) for name, t in by_side.items()}
        self.row(what, medians, {
            name: f"{medians[name]:.{digits}f} ({min(t):.{digits}f} to {max(t):.{digits}f})"
            for name, t in by_side.items()})

    def stage(self, size, stage, answers):
        skip = self.warm_up * (1 if stage == "track" else 3)
        kinds = [("seconds", "ms"), ("cpu", "ms cpu")]
        if self.cuda:
            kinds = [("seconds", "clock ms"), ("device", "device ms"), ("parts", "parts ms")]
        for kind, words in kinds:
            self.times(f"{size} | {stage}, {words}", {
                name: [1e3 * a.get(kind, a.get("device", 0)) for a in got[skip:]]
                for name, got in answers.items() if len(got) > skip}, 2 if self.cuda else 0)

    def memory(self, size, last):
        kb = {name: a["device_kb" if self.cuda else "peak_kb"] for name, a in last.items()}
        self.row(f"{size} | {'device' if self.cuda else 'peak'} memory, MiB", kb,
                 {name: f"{n / 1024:.0f}" for name, n in kb.items()})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default="build", help="the build folder")
    parser.add_argument("--sizes", nargs="+", default=["tiny", "base_plus"],
                        choices=sam2_hf.TRUNKS.keys())
    parser.add_argument("--image-size", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--sides", nargs="+", choices=SIDES,
                        help="the first three; with --device cuda all that compute in bf16")
    parser.add_argument("--stages", nargs="+", default=STAGES, choices=STAGES)
    parser.add_argument("--compile", default="max-autotune", metavar="MODE",
                        help="of torch.compile (max-autotune)")
    parser.add_argument("--markdown", metavar="FILE", help="takes the table, too")
    arguments = parser.parse_args()
    arguments.failed = []
    if not arguments.sides:
        arguments.sides = SIDES[3:] if arguments.device == "cuda" else SIDES[:3]
    compiles = "pytorch:compiled" in arguments.sides
    arguments.warm_up = WARM_UP if compiles or arguments.device == "cuda" else 0
    where = f"{arguments.threads} threads, {platform.platform()}"
    if arguments.device == "cuda":
        if not torch.cuda.is_available():
            sys.exit("PyTorch finds no GPU here")
        where = f"{torch.cuda.get_device_name()}, torch.compile mode {arguments.compile}"
    table = Table(arguments)
    table.print(f"PyTorch {torch.__version__}, transformers {transformers.__version__}, "
                f"{arguments.image_size} px, {where}\n")
    table.print(f"| model | stage | {' | '.join(arguments.sides)} |")
    table.print(f"|---|---|{'--:|' * len(arguments.sides)}")
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            for stage, answers in measure(size, arguments, Path(folder)):
                if stage:
                    table.stage(size, stage, answers)
                else:
                    table.memory(size, answers)
    if arguments.failed:
        sys.exit(f"failed: {', '.join(arguments.failed)}")


if __name__ == "__main__":
    main()
