"""Trains the demo model on the demo world. Stages, in their order, then what they made:

  train.py ear    DIR MINUTES    VGGish tells kinds and levels apart
  train.py eye    DIR MINUTES    the encoder, with a decoder that only serves to teach it
  train.py mind   DIR MINUTES    decoder and fuser on single frames, the encoder at rest
  train.py whole  DIR MINUTES    the same, encoder and all
  train.py memory DIR MINUTES    tracking, and the sound of whole windows
  train.py joint  DIR MINUTES    the fuser alone: a click on one object beside the sound of others
  train.py check  DIR            held-out measurements
  train.py export DIR FILE       the model package, f16

Every stage writes a checkpoint every two minutes and goes on from it when started again. A
developer's tool: needs PyTorch and NumPy, a C compiler for the world, no GPU.
"""
import os
import random
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import check
import hearing
import model
import world
from lessons import (Hints, Pool, Store, ahead, ask, balance, build, chase, click_parts, encode,
                     hear, load, sam_loss, say, see_chase, see_window, settle, shrink,
                     single_frames, sound_pass, spoil, union_of)
from world import KINDS, SIDE, T, World

THREADS = int(os.environ.get("EM_THREADS", "2"))
WINDOWS = 4  # of the eye's batches
KEEP = 0.6   # of what the joint stage changes


class Run:
    """A stage under way: what it trains, its optimiser, its clock and its checkpoint file."""

    def __init__(self, path, modules, groups, minutes, decay=0.05):
        self.path, self.modules = path, modules
        self.optimiser = torch.optim.AdamW(
            [{"params": [p for p in ps if (p.ndim > 1) == big], "peak": lr,
              "weight_decay": decay if big else 0.0} for ps, lr in groups for big in (1, 0)],
            betas=(0.9, 0.98), foreach=True)
        self.parameters = [p for ps, _ in groups for p in ps]
        self.step, self.used, self.limit = 0, 0.0, minutes * 60
        if os.path.exists(path):
            state = torch.load(path)
            for name, m in modules.items():
                m.load_state_dict(state["modules"][name])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step, self.used = state["step"], state["used"]
            say("going on at step", self.step)
        self.tick = self.saved = time.time()

    def update(self, loss):
        """One step; the rate warms up and falls as a cosine over the time given. False: over."""
        part = min(1.0, self.used / self.limit)
        factor = min(1, (self.step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * part)))
        for g in self.optimiser.param_groups:
            g["lr"] = float(g["peak"] * factor)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, 1.0)
        if torch.isfinite(norm):
            self.optimiser.step()
        else:
            say("step", self.step, "skipped: gradient not finite")
        self.step += 1
        now = time.time()
        self.used += now - self.tick
        self.tick = now
        over = self.used >= self.limit
        if over or now - self.saved > 120:
            self.save()
        return not over

    def save(self):
        state = {"modules": {k: m.state_dict() for k, m in self.modules.items()},
                 "optimiser": self.optimiser.state_dict(), "step": self.step, "used": self.used}
        torch.save(state, self.path + ".new")
        os.replace(self.path + ".new", self.path)
        self.saved = time.time()


def note(stage, step, mean, part):
    """Running means of the losses, a line every 25 steps."""
    for k, x in part.items():
        mean[k] = 0.95 * mean.get(k, x.item()) + 0.05 * x.item()
    if step % 25 == 0:
        say(stage, "step", step, " ".join("%s %.3f" % i for i in mean.items()),
            "cpu %.0f s" % time.process_time())


# ---- ear -------------------------------------------------------------------------------------

def ear(directory, minutes):
    vgg = hearing.Vggish(model.DEMO["vgg"])
    for m in vgg.modules():
        if isinstance(m, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(m.weight)
            nn.init.zeros_(m.bias)
    width = model.DEMO["vgg"]["embedding"]
    head = nn.Linear(width, 2 * KINDS)
    run = Run(os.path.join(directory, "ear.pt"), {"vgg": vgg, "head": head},
              [(list(vgg.parameters()) + list(head.parameters()), 1.5e-3)], minutes)
    count = 900
    spect = np.empty((count, 2, T, 2, 96, 64), np.float16)
    level = np.empty((count, 2, T, 2, KINDS), np.float32)
    for n in range(count):
        w = World(5_000_000 + n, n % 4 == 0)
        spect[n] = w.spect()
        for k in range(2):
            for t in range(T):
                start = 5 * k + 0.96 * t
                level[n, k, t] = w.levels(start, start + 0.975)
    spect = torch.from_numpy(spect.reshape(-1, 96, 64))
    level = torch.from_numpy(level.reshape(-1, KINDS))
    held = len(spect) // 10
    say("ear:", len(spect), "examples")
    more = True
    while more:
        pick = torch.randint(held, len(spect), (96,))
        loss = ear_loss(head(vgg(spect[pick].float())), level[pick])
        more = run.update(loss)
        if run.step % 100 == 0:
            with torch.no_grad():
                out = head(vgg(spect[:1500].float()))
                there = level[:1500] > 0.03
                right = ((out[:, :KINDS] > 0) == there).float().mean()
                off = (out[:, KINDS:] - level[:1500]).abs()[there].mean()
            say("ear step %d loss %.4f held-out kinds right %.4f level off by %.4f" % (
                run.step, loss, right, off))


def ear_loss(out, level):
    there = (level > 0.03).float()
    return F.binary_cross_entropy_with_logits(out[:, :KINDS], there) + 3 * F.smooth_l1_loss(
        out[:, KINDS:], level, beta=0.1)


# ---- eye -------------------------------------------------------------------------------------

def eye_batch(pool, rng):
    windows = [pool.window(rng) for _ in range(WINDOWS)]
    rgb = np.concatenate([w[0] for w in windows])
    owner = np.concatenate([w[1] for w in windows])
    heard = [h for w in windows for h in w[3]]
    kinds = np.zeros((len(owner), KINDS + 1, SIDE, SIDE), bool)
    for n, o in enumerate(owner):
        kinds[n, 0] = o == 0
        for i, k in enumerate(windows[n // T][4].kinds):
            kinds[n, k + 1] |= o == i + 1
    kinds = shrink(kinds.reshape(-1, SIDE, SIDE), 16).reshape(len(owner), KINDS + 1, 16, 16)
    images = spoil(world.normalise(rgb), rng)
    return (torch.from_numpy(images), torch.from_numpy(np.stack([w[2] for w in windows])), kinds,
            union_of(owner, heard), ask(owner, rng))


def eye(directory, minutes):
    sam, vgg, fuser = build(directory)
    kind_head = nn.Conv2d(sam.d, KINDS + 1, 1)
    parameters = [p for n, p in sam.named_parameters() if not n.startswith("memory_")]
    run = Run(os.path.join(directory, "eye.pt"),
              {"sam": sam, "fuser": fuser, "kind_head": kind_head},
              [(parameters, 1e-3), (list(fuser.parameters()) + list(kind_head.parameters()), 1e-3)],
              minutes)
    rng = random.Random(run.step)
    pool, held = Pool(1_000_000, 1000), Pool(9_000_000, 8)
    mean, more = {}, True
    fetch = ahead(lambda: eye_batch(pool, rng))
    while more:
        images, spect, kinds, heard, asked = fetch()
        with torch.no_grad():
            rows = vgg.ears(spect)
        fpn = encode(sam, images)
        skips, image = sam.skips(fpn), sam.without_memory(fpn[2])
        sound = hear(fuser, rows, fpn)
        part = {"kind": 2 * F.cross_entropy(kind_head(fpn[2]), kinds)}
        out = sam.decode(image, skips, sound=sound)
        part["sound"] = sam_loss(out, shrink(heard, 64), 1, 0.1).mean()
        part.update(click_parts(sam, image, skips, sound, *asked, 64))
        more = run.update(sum(part.values()))
        note("eye", run.step, mean, part)
        if run.step % 200 == 0 or not more:
            say("eye held-out", check.frame_check(sam, vgg, fuser, held))
            fuser.train()


# ---- mind ------------------------------------------------------------------------------------

def mind(directory, minutes):
    """The encoder rests. The decoder starts anew (what it was in the eye's stage only taught the
    encoder) and learns, with the fuser, on single frames."""
    sam, vgg, fuser = build(directory)
    seen, hints = model.Sam2(model.DEMO["sam2"]), Hints(sam.d)
    load(directory, "eye", sam=seen, fuser=fuser)
    sam.image_encoder.load_state_dict(seen.image_encoder.state_dict())
    sam.image_encoder.requires_grad_(False)
    run = Run(os.path.join(directory, "mind.pt"), {"sam": sam, "fuser": fuser, "hints": hints},
              [([p for m in (sam, hints) for p in m.parameters() if p.requires_grad], 1.2e-3),
               (list(fuser.parameters()), 1e-3)], minutes)
    rng, turn = random.Random(1000 + run.step), random.Random(3000 + run.step)
    pool, held = Pool(2_000_000, 2000), Pool(9_000_000, 6)
    if run.step == 0:
        settle(sam, fuser, pool)
    windows = Store(lambda: see_window(sam, vgg, pool, rng), 400, random.Random(1))
    mean, more = {}, True
    while more:
        drawn = windows.draw(2)
        fpn = [torch.cat(level).float() for level in zip(*(w[0] for w in drawn))]
        part = single_frames(sam, fuser, hints, fpn, drawn, turn, 1 if run.step % 3 else 2)
        more = run.update(sum(part.values()))
        note("mind", run.step, mean, part)
        if run.step % 300 == 0 or not more:
            say("mind held-out", check.frame_check(sam, vgg, fuser, held))
            sam.train(), fuser.train()


def whole(directory, minutes):
    """The same with the encoder learning as well."""
    sam, vgg, fuser = build(directory)
    hints = Hints(sam.d)
    load(directory, "mind", sam=sam, fuser=fuser, hints=hints)
    encoder = set(sam.image_encoder.parameters())
    rest = [p for m in (sam, hints, fuser) for p in m.parameters() if p not in encoder]
    run = Run(os.path.join(directory, "whole.pt"), {"sam": sam, "fuser": fuser, "hints": hints},
              [(list(encoder), 6e-4), (rest, 8e-4)], minutes)
    rng, turn = random.Random(4000 + run.step), random.Random(5000 + run.step)
    pool, held = Pool(3_000_000, 2000), Pool(9_000_000, 6)
    fetch = ahead(lambda: see_window(None, vgg, pool, rng), 6)
    mean, more = {}, True
    while more:
        drawn = [fetch() for _ in range(2)]
        fpn = encode(sam, torch.cat([w[0] for w in drawn]))
        part = single_frames(sam, fuser, hints, fpn, drawn, turn, 1 if run.step % 2 else 2)
        more = run.update(sum(part.values()))
        note("whole", run.step, mean, part)
        if run.step % 300 == 0 or not more:
            say("whole held-out", check.frame_check(sam, vgg, fuser, held))
            sam.train(), fuser.train()


def sound_part(sam, sound, fpn, skips, target):
    """The loss of sound alone along whole windows."""
    return {"sound": torch.cat([sam_loss(out, target[at], 1, 0.1) for _, at, out in
                                sound_pass(sam, sound, fpn, skips)]).mean()}


def memory(directory, minutes):
    """The encoder rests again; tracking, and the sound of whole windows, frame after frame."""
    sam, vgg, fuser = build(directory)
    hints, mark = Hints(sam.d), nn.Conv2d(sam.d, 1, 1)
    load(directory, "whole", sam=sam, fuser=fuser, hints=hints)
    balance(fuser)
    sam.image_encoder.requires_grad_(False)
    fresh = [p for n, p in sam.named_parameters()
             if n.startswith(("memory_", "maskmem", "obj_ptr", "no_obj", "mask_downsample."))]
    known = [p for p in sam.parameters() if p.requires_grad and not any(p is q for q in fresh)]
    run = Run(os.path.join(directory, "memory.pt"),
              {"sam": sam, "fuser": fuser, "hints": hints, "mark": mark},
              [(fresh + list(mark.parameters()), 1.5e-3),
               (known + list(hints.parameters()), 6e-4),
               (list(fuser.parameters()), 4e-4)], minutes)
    rng, turn = random.Random(6000 + run.step), random.Random(7000 + run.step)
    pool, held = Pool(4_000_000, 2000), Pool(9_000_000, 3)
    windows = Store(lambda: see_window(sam, vgg, pool, rng), 400, random.Random(1))
    sequences = Store(lambda: see_chase(sam, pool, rng), 250, random.Random(2))
    mean, more = {}, True
    while more:
        if run.step % 5 >= 2:
            part = chase(sam, hints, mark, sequences.draw(3), turn)
        else:
            drawn = windows.draw(3)
            fpn = [torch.cat(level).float() for level in zip(*(w[0] for w in drawn))]
            owner, heard = (np.concatenate([w[k] for w in drawn]) for k in (2, 3))
            skips, image = sam.skips(fpn), sam.without_memory(fpn[2])
            sound = hear(fuser, torch.stack([w[1] for w in drawn]), fpn)
            part = sound_part(sam, sound, fpn, skips, shrink(heard, 128))
            part.update(click_parts(sam, image, skips, sound, *ask(owner, turn), 128))
        more = run.update(sum(part.values()))
        note("memory", run.step, mean, part)
        if run.step % 400 == 0 or not more:
            say("memory held-out", check.measure(sam, vgg, fuser, held, 1))
            sam.train(), fuser.train()


def joint(directory, minutes):
    """All but the fuser rests, so clicks and tracking stay what they are. Batch norm keeps its
    statistics: those of a few windows are too rough to finish with. The fuser ends between where
    it began and where it came, which keeps more of what it knew about who falls silent."""
    sam, vgg, fuser = build(directory)
    load(directory, "memory", sam=sam, fuser=fuser)
    balance(fuser)
    sam.requires_grad_(False)
    sam.eval(), fuser.eval()
    start = [p.detach().clone() for p in fuser.parameters()]
    run = Run(os.path.join(directory, "joint.pt"), {"sam": sam, "fuser": fuser},
              [(list(fuser.parameters()), 3e-4)], minutes)
    rng, turn = random.Random(8000 + run.step), random.Random(9000 + run.step)
    pool, held = Pool(6_000_000, 2000), Pool(9_000_000, 8)
    windows = Store(lambda: see_window(sam, vgg, pool, rng), 400, random.Random(1))
    mean, more = {}, True
    while more:
        drawn = windows.draw(3)
        fpn = [torch.cat(level).float() for level in zip(*(w[0] for w in drawn))]
        owner, heard = (np.concatenate([w[k] for w in drawn]) for k in (2, 3))
        skips, image = sam.skips(fpn), sam.without_memory(fpn[2])
        sound = hear(fuser, torch.stack([w[1] for w in drawn]), fpn)
        part = sound_part(sam, sound, fpn, skips, shrink(heard, 128))
        part.update(click_parts(sam, image, skips, sound, *ask(owner, turn), 128, joint=1))
        more = run.update(part["sound"] + 2 * (part["click0"] + part["click1"]))
        note("joint", run.step, mean, part)
        if run.step % 200 == 0 or not more:
            say("joint held-out", check.measure(sam, vgg, fuser, held, 0))
    with torch.no_grad():
        for p, before in zip(fuser.parameters(), start):
            p.lerp_(before, 1 - KEEP)
    run.save()


def main():
    torch.set_num_threads(THREADS)
    stage, directory = sys.argv[1:3]
    os.makedirs(directory, exist_ok=True)
    stages = {"ear": ear, "eye": eye, "mind": mind, "whole": whole, "memory": memory,
              "joint": joint}
    if stage in stages:
        stages[stage](directory, float(sys.argv[3]))
    elif stage == "check":
        check.check(directory)
    else:
        check.export(directory, sys.argv[3])


if __name__ == "__main__":
    main()
