"""Times Earmark against PyTorch (transformers' SAM 2, sdpa, inference mode), one run.

    python tests/reference/speed.py [--build build] [--sizes tiny base_plus] [--threads 2]
                                    [--rounds 5] [--sides earmark pytorch pytorch:intel ...]
                                    [--stages click encode track] [--device cuda]
                                    [--compile max-autotune] [--limit SECONDS] [--events]
                                    [--markdown FILE]

Needs what requirements.txt names and a build; no network, no checkpoint. Each side is a process of
its own with the same random weights and frames and answers the same steps (sam2_hf.py, em_dump.c).
Told are medians (least to most) and, with PyTorch's, how many times as long as Earmark's with
numbers of the same type.

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

Stages come in the order in which they are named. A side that fails is told in a line, the others
go on, and the exit status is 1.

On a CPU the sides take turns, a step each, while the others wait. "cpu" is the processor time of
all threads: where other work shares the machine, compare that, with OMP_WAIT_POLICY=passive in the
environment so that waiting is not counted. Memory is each process' high-water mark (VmHWM), the
frames' 252 MB (at 1024) and Python's own included. Rounds that do not count come first where
PyTorch compiles.

With --device cuda one side after the other has the GPU to itself, Earmark first, what is compiled
last, for turns would change processes on the GPU and empty its caches before every step. A line is
told as soon as it is known, so that a run that is cut off has told what it could; --limit ends a
side that takes longer than that, start and compilation included. Some rounds and half a second of
each stage come before what counts. "clock" is from asking until all that was asked for is done and
the answer on the host. A picture's way to the device is in Earmark's, as bytes like in the app;
PyTorch's frames are there. With --events each stage is run again and timed by events, which cost
some time themselves: "device" is of PyTorch the time between two events around a step, gaps
included, of Earmark the sum of what its ops took; "parts" of PyTorch only its four large modules.
They tell where time goes and are no comparison; nor is memory, which is the device's, of PyTorch
what its tensors took at most.
"""

import argparse
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import transformers

import sam2_hf

LAST = 19  # the frame that is measured
SIDES = ["earmark", "pytorch", "pytorch:intel", "earmark:bf16", "pytorch:bf16", "pytorch:compiled"]
STAGES = ["click", "encode", "track"]
WARM_UP = 3  # rounds that do not count where something is compiled or captured,
WARM_SECONDS = 0.5  # and on a GPU what follows them for so long, until its clocks are up


def point(side, share, remember=False):
    return {"do": "points", "frame": 0, "object": 1, "remember": remember,
            "points": [[side / 4 * (1 + share), 3 * side / 8, 1]]}


def opening(side, rgb):
    return [{"do": "open", "width": side, "height": side, "rgb": rgb,
             "options": {"max_cond_frames": 0, "feature_cache_bytes": 0}}]


def lead_in(stage, side):
    """What comes before a stage and is not measured."""
    track = stage == "track"
    steps = [{"do": "reset"}, point(side, 0, remember=track)]
    if track:
        steps += [{"do": "propagate", "from": 0, "to": LAST - 1}, {"do": "embed", "frame": LAST}]
    return steps


def round_of(stage, side, i):
    """The steps of the i-th round. No two points are the same; frames take turns, so that none is
    cached."""
    if stage == "click":
        steps = [point(side, 0.618 * (3 * i + k) % 1) for k in range(3)]
    elif stage == "encode":
        steps = [{"do": "embed", "frame": frame} for frame in (1, 2, 3)]
    else:
        steps = [{"do": "propagate", "from": LAST, "to": LAST}]
    return [step | {"measured": True} for step in steps]


def start(name, arguments, folder):
    program, _, kind = name.partition(":")
    inputs, cuda = folder / "inputs.safetensors", arguments.device == "cuda"
    if program == "earmark":
        device = "cpu:bf16" if kind else "cpu"
        if arguments.device != "cpu":
            device = f"{arguments.device}:{kind or 'f32'}"
        return sam2_hf.Engine(arguments.build, folder / "model.safetensors", inputs,
                              folder / "results.safetensors", arguments.threads, device,
                              arguments.limit)
    environment = {}
    if kind == "intel":
        code, library = folder / "intel.c", folder / "intel.so"
        code.write_text("int mkl_serv_intel_cpu_true (void) { return 1; }\n")
        subprocess.run(["cc", "-shared", "-fPIC", code, "-o", library], check=True)
        environment["LD_PRELOAD"] = str(library)
    half = kind == "bf16" or (kind == "compiled" and cuda)
    command = [sys.executable, Path(__file__).with_name("sam2_hf.py"), "--model", folder / "hf",
               "--inputs", inputs, "--threads", arguments.threads,
               "--device", "cuda" if cuda else "cpu", "--dtype", "bfloat16" if half else "float32"]
    if kind == "compiled":
        command += ["--compile", arguments.compile]
    return sam2_hf.Worker(command, environment, arguments.limit)


def prepare(size, arguments, folder):
    sam2_hf.make_model(size, "2.1", arguments.image_size, 1, folder / "hf")
    sam2_hf.make_package(arguments.build, folder / "hf", folder / "model.safetensors")
    sam2_hf.make_inputs(LAST + 1, arguments.image_size, 1, folder / "inputs.safetensors",
                        with_rgb=arguments.device != "cpu")


def baseline(name, device):
    """The side that is Earmark with numbers of the same type."""
    half = name.endswith(":bf16") or (name.endswith(":compiled") and device == "cuda")
    return "earmark:bf16" if half else "earmark"


def times(numbers, name, device):
    """How many times as much as Earmark's, or ""."""
    ours = numbers.get(baseline(name, device))
    return f"{numbers[name] / ours:.2f} x" if ours and name.startswith("pytorch") else ""


def spread(ms, digits):
    return f"{statistics.median(ms):.{digits}f} ({min(ms):.{digits}f} to {max(ms):.{digits}f})"


class Table:
    """On stdout, and in a file that has every line as soon as it is known."""

    def __init__(self, path, *columns):
        self.file = path and open(path, "w")
        self.columns = columns

    def print(self, line):
        print(line, flush=True)
        if self.file:
            print(line, file=self.file, flush=True)

    def head(self, title, n_words):
        self.print(f"{title}\n")
        self.row(*self.columns)
        self.print(f"|{'---|' * n_words}{'--:|' * (len(self.columns) - n_words)}")

    def row(self, *cells):
        self.print(f"| {' | '.join(cells)} |")


class Turns:
    """All sides at once, a step each: a column of the table for each side."""

    def __init__(self, arguments):
        self.arguments, self.sides, self.failed = arguments, arguments.sides, []
        self.table = Table(arguments.markdown, "model", "stage", *self.sides)

    def head(self, title):
        self.table.head(title, 2)

    def measure(self, size, folder):
        side, stages = self.arguments.image_size, self.arguments.stages
        warm_up = WARM_UP if "pytorch:compiled" in self.sides else 0
        self.workers = {name: start(name, self.arguments, folder) for name in self.sides}
        self.last = {}
        try:
            self.step(opening(side, False))
            for stage in stages:
                self.step(lead_in(stage, side))
                for i in range(warm_up):
                    self.step(round_of(stage, side, i))
                answers = {name: [] for name in self.workers}
                for i in range(self.arguments.rounds):
                    self.step(round_of(stage, side, warm_up + i), answers)
                self.stage(size, stage, answers)
            for name, worker in list(self.workers.items()):
                self.attempt(name, worker.close)
        finally:
            for worker in self.workers.values():
                worker.kill()
        kb = {name: answer["peak_kb"] for name, answer in self.last.items()}
        self.row(f"{size} | peak memory, MiB", kb, {name: f"{kb[name] / 1024:.0f}" for name in kb})

    def step(self, steps, answers=None):
        for step in steps:
            for name, worker in list(self.workers.items()):
                answer = self.attempt(name, worker.step, step)
                if answer:
                    self.last[name] = answer
                    if answers:
                        answers[name].append(answer)

    def attempt(self, name, what, *more):
        try:
            return what(*more)
        except sam2_hf.Ended as why:
            print(f"{name}: {why}", file=sys.stderr)
            del self.workers[name]
            self.failed.append(name)

    def stage(self, size, stage, answers):
        for kind, words in (("seconds", "ms"), ("cpu", "ms cpu")):
            ms = {name: [1e3 * a[kind] for a in got] for name, got in answers.items() if got}
            self.row(f"{size} | {stage}, {words}",
                     {name: statistics.median(t) for name, t in ms.items()},
                     {name: spread(t, 0) for name, t in ms.items()})

    def row(self, what, numbers, texts):
        cells = []
        for name in self.sides:
            factor = times(numbers, name, "cpu") if name in numbers else ""
            cells.append(texts.get(name, "") + (f", {factor}" if factor else ""))
        self.table.row(what, *cells)


class OneByOne:
    """A side after the other: a line of the table for each side and stage."""

    def __init__(self, arguments):
        self.arguments, self.failed = arguments, []
        self.sides = sorted(arguments.sides, key=lambda name: (name.startswith("pytorch"),
                                                               name.endswith(":compiled")))
        self.table = Table(arguments.markdown, "model", "stage", "side", "measured",
                           "times Earmark's")

    def head(self, title):
        self.table.head(title, 3)

    def measure(self, size, folder):
        medians = {}  # by stage, then side
        for name in self.sides:
            worker = start(name, self.arguments, folder)
            try:
                self.side(size, name, worker, medians)
                worker.close()
            except sam2_hf.Ended as why:
                self.table.row(size, "failed", name, str(why).replace("|", "/"), "")
                self.failed.append(name)
            finally:
                worker.kill()

    def side(self, size, name, worker, medians):
        side = self.arguments.image_size
        for events in (False, True) if self.arguments.events else (False,):
            for step in opening(side, True):
                worker.step(step)
            for stage in self.arguments.stages:
                answers = self.stage(worker, stage, events)
                if events:
                    for kind in ("device", "parts"):
                        ms = [1e3 * answer[kind] for answer in answers if kind in answer]
                        if ms:
                            self.table.row(size, f"{stage}, {kind} ms", name, spread(ms, 2), "")
                    continue
                ms = [1e3 * answer["seconds"] for answer in answers]
                known = medians.setdefault(stage, {})
                known[name] = statistics.median(ms)
                self.table.row(size, f"{stage}, clock ms", name, spread(ms, 2),
                               times(known, name, self.arguments.device))
                kb = answers[-1].get("device_kb")
            if not events and kb is not None:
                self.table.row(size, "device memory, MiB", name, f"{kb / 1024:.0f}", "")

    def stage(self, worker, stage, events):
        """The answers that count."""
        side, more, i = self.arguments.image_size, {"events": True} if events else {}, 0
        for step in lead_in(stage, side):
            worker.step(step | more)
        while i < WARM_UP or time.monotonic() < warm:
            for step in round_of(stage, side, i):
                worker.step(step | more)
            i += 1
            if i == WARM_UP:
                warm = time.monotonic() + WARM_SECONDS
        return [worker.step(step | more) for k in range(self.arguments.rounds)
                for step in round_of(stage, side, i + k)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default="build", help="the build folder")
    parser.add_argument("--sizes", nargs="+", default=["tiny", "base_plus"],
                        choices=sam2_hf.TRUNKS.keys())
    parser.add_argument("--image-size", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda", "cudasim"],
                        help="cudasim tries this script without a GPU: Earmark on a simulated one, "
                        "PyTorch on the CPU, one by one")
    parser.add_argument("--sides", nargs="+", choices=SIDES,
                        help="the first three; with --device cuda all that compute in bf16")
    parser.add_argument("--stages", nargs="+", default=STAGES, choices=STAGES)
    parser.add_argument("--compile", default="max-autotune", metavar="MODE",
                        help="of torch.compile (max-autotune)")
    parser.add_argument("--limit", type=float, metavar="SECONDS",
                        help="most that a side may take for a model; not on a CPU")
    parser.add_argument("--events", action="store_true", help="device and parts, too; with cuda")
    parser.add_argument("--markdown", metavar="FILE", help="takes the table, too")
    arguments = parser.parse_args()
    on_cpu = arguments.device == "cpu"
    if on_cpu and (arguments.limit or arguments.events):
        parser.error("--limit and --events are of --device cuda")
    if not arguments.sides:
        arguments.sides = SIDES[:3] if on_cpu else SIDES[3:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # the sides and files go, too
    where = f"{arguments.threads} threads, {platform.platform()}"
    if arguments.device == "cuda":
        if not torch.cuda.is_available():
            sys.exit("PyTorch finds no GPU here")
        where = torch.cuda.get_device_name()
    if "pytorch:compiled" in arguments.sides:
        where += f", torch.compile mode {arguments.compile}"
    way = Turns(arguments) if on_cpu else OneByOne(arguments)
    way.head(f"PyTorch {torch.__version__}, transformers {transformers.__version__}, "
             f"{arguments.image_size} px, {where}")
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            prepare(size, arguments, Path(folder))
            way.measure(size, Path(folder))
    if way.failed:
        sys.exit(f"failed: {', '.join(way.failed)}")


if __name__ == "__main__":
    main()
