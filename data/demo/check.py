"""Held-out measurements and the package. Run through train.py."""
import json
import os
import random

import numpy as np
import torch

import model
import world
from lessons import (Pool, Track, balance, build, gather, hear, jaccard, load, one_pixel, say,
                     sound_pass, union_of)
from world import T


def deepest(mask):
    """The pixel farthest from the outside, by repeated erosion (chessboard distance)."""
    x = np.pad(mask, 1)
    while True:
        y = x.copy()
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                y &= np.roll(x, (dy, dx), (0, 1))
        if not y.any():
            break
        x = y
    ys, xs = np.nonzero(x[1:-1, 1:-1])
    return float(xs[0]), float(ys[0])


@torch.no_grad()
def frame_check(sam, vgg, fuser, pool):
    """Frames on their own: one click, sound, both; mean J, and alarms in silence."""
    fuser.eval()
    rng, score = random.Random(7), {"click": [], "both": [], "heard": [], "alarm": []}
    for n in range(pool.count):
        for half in range(2):
            rgb, owner, spect, heard, _ = pool.window(rng, 0, False, n, half)
            fpn = sam.encode(torch.from_numpy(world.normalise(rgb)))
            skips, image = sam.skips(fpn), sam.without_memory(fpn[2])
            a, v = fuser([f[None] for f in fpn], vgg.ears(torch.from_numpy(spect))[None])
            sound = [x[0] for x in a], [x[0] for x in v]
            out = sam.decode(image, skips, sound=sound)
            masks = union_of(owner, heard)
            low = torch.where(out[2][..., None, None] > 0, sam.pick(out, True)[0], -1.0)
            j, some = jaccard(low, masks), masks.any((1, 2))
            score["heard"] += j[some].tolist()
            score["alarm"] += (low.flatten(1).amax(1) > 0)[~some].float().tolist()
            for t in range(T):
                for i in range(1, 6):
                    mask = owner[t] == i
                    if mask.sum() > 60:
                        c = torch.tensor([[one_pixel(rng, mask)]])
                        l = torch.ones(1, 1, dtype=torch.long)
                        s = [x[t:t + 1] for x in skips]
                        for name, with_sound in (("click", None), ("both", gather(sound, [t]))):
                            out = sam.decode(image[t:t + 1], s, c, l, sound=with_sound)
                            score[name] += jaccard(sam.pick(out, True)[0], mask[None]).tolist()
    return " ".join("%s %.3f" % (k, np.mean(x)) for k, x in score.items() if x)


@torch.no_grad()
def measure(sam, vgg, fuser, pool, tracks):
    """As the product asks: sound along the window, a click on a frame of its own, both, and one
    click followed through all frames. Clicks go to the deepest pixel of each sounding object."""
    sam.eval(), fuser.eval()
    s = {k: [] for k in ("sound", "alarm", "miss", "click", "both", "silent", "box", "track",
                         "ghost")}
    one = torch.ones(1, 1, dtype=torch.long)
    for n in range(pool.count):
        for half in range(2):
            rgb, owner, spect, heard, w = pool.window(random.Random(0), 0, False, n, half)
            fpn = sam.encode(torch.from_numpy(world.normalise(rgb)))
            skips = sam.skips(fpn)
            sound = hear(fuser, vgg.ears(torch.from_numpy(spect))[None], fpn)
            union = union_of(owner, heard)
            for t, at, out in sound_pass(sam, sound, fpn, skips):
                low = torch.where(out[2][..., None, None] > 0, sam.pick(out, True)[0], -1.0)
                if union[t].any():
                    s["sound"].append(jaccard(low, union[t:t + 1]).item())
                    s["miss"].append(float(out[2].item() <= 0))
                else:
                    s["alarm"].append(float((low > 0).any()))
            image = sam.without_memory(fpn[2])
            for t in range(T):
                for i in range(w.count):
                    mask = owner[t] == i + 1
                    if mask.sum() < 60:
                        continue
                    c = torch.tensor([[deepest(mask)]])
                    here = [x[t:t + 1] for x in skips]
                    out = sam.decode(image[t:t + 1], here, c, one)
                    plain = jaccard(sam.pick(out, True)[0], mask[None]).item()
                    out = sam.decode(image[t:t + 1], here, c, one, sound=gather(sound, [t]))
                    joint = jaccard(sam.pick(out, True)[0], mask[None]).item()
                    if i in heard[t]:
                        s["click"].append(plain)
                        s["both"].append(joint)
                    else:
                        s["silent"].append(joint)
                    ys, xs = np.nonzero(mask)
                    c = torch.tensor([[(xs.min(), ys.min()), (xs.max() + 1, ys.max() + 1)]])
                    out = sam.decode(image[t:t + 1], here, c.float(), torch.tensor([[2, 3]]))
                    s["box"].append(jaccard(sam.pick(out, False)[0], mask[None]).item())
    for n in range(tracks):
        w, _ = pool[n]
        track = Track(sam)
        for t in range(world.SECONDS * world.FPS):
            rgb, owner = w.draw(t / world.FPS)
            if t == 0:
                ids = [i for i in range(1, w.count + 1) if (owner == i).sum() > 100]
            masks = np.stack([owner == i for i in ids])
            fpn = sam.encode(torch.from_numpy(world.normalise(rgb[None])))
            rows = [0] * len(ids)
            feature, here = fpn[2][rows], [x[rows] for x in sam.skips(fpn)]
            if t == 0:
                c = torch.tensor([[deepest(m)] for m in masks])
                out = sam.decode(sam.without_memory(feature), here, c, one.expand(len(ids), 1))
            else:
                out = sam.decode(track.image(t, feature), here, tracked=True)
            low = track.step(t, feature, out, True, t == 0)
            for j, m in zip(jaccard(low, masks), masks):
                s["track" if m.sum() > 20 else "ghost"].append(j.item())
    return " ".join("%s %.3f" % (k, np.mean(x)) for k, x in s.items() if x)


def latest(directory):
    """The last stage that left a checkpoint, or None."""
    for stage in ("joint", "memory", "whole", "mind", "eye"):
        if os.path.exists(os.path.join(directory, stage + ".pt")):
            return stage
    return None


def check(directory, count=16):
    sam, vgg, fuser = build(directory)
    stage = latest(directory)
    load(directory, stage, sam=sam, fuser=fuser)
    balance(fuser)
    for m in (sam, vgg, fuser):  # as the package has them
        m.half().float()
    for name, twins in (("standard", 1 << 30), ("twins", 1)):
        pool = Pool(9_500_001, count, twins)
        say(stage, name, measure(sam, vgg, fuser, pool, count // 3))


def export(directory, path):
    sam, vgg, fuser = build(directory)
    if latest(directory):
        load(directory, latest(directory), sam=sam, fuser=fuser)
        balance(fuser)
    tensors = {}
    for prefix, m in (("sam2.", sam), ("vgg.", vgg), ("fuser.", fuser)):
        for name, x in m.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                x = x.detach().to(torch.float16)
                assert torch.isfinite(x).all(), name
                tensors[prefix + name] = x.contiguous().numpy()
    config = dict(model.DEMO, labels=world.NAMES,
                  provenance="trained from scratch on Earmark's synthetic demo world "
                             "(data/demo/world.c) by data/demo/train.py")
    header, offset = {"__metadata__": {"earmark.config": json.dumps(config)}}, 0
    for name in sorted(tensors):
        x = tensors[name]
        header[name] = {"dtype": "F16", "shape": list(x.shape),
                        "data_offsets": [offset, offset + x.nbytes]}
        offset += x.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text)
        for name in sorted(tensors):
            f.write(tensors[name].tobytes())
    say("wrote", path, os.path.getsize(path), "bytes,", len(tensors), "tensors")
