"""What the stages of train.py have in common: where lessons come from, prompts, losses, the
start of the decoder, the tracker."""
import os
import random
import threading
import time
from queue import Queue

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import hearing
import model
import world
from world import KINDS, SIDE, T, World


def say(*words):
    print(time.strftime("%H:%M:%S"), *words, flush=True)


def load(directory, stage, **modules):
    state = torch.load(os.path.join(directory, stage + ".pt"))["modules"]
    for name, m in modules.items():
        m.load_state_dict(state[name])


class Pool:
    """Worlds, made and listened to when first asked for; every `twins`-th is of that slice."""

    def __init__(self, first, count, twins=4):
        self.first, self.count, self.twins, self.known = first, count, twins, {}

    def __getitem__(self, n):
        if n not in self.known:
            w = World(self.first + n, n % self.twins == 0)
            self.known[n] = w, w.spect().astype(np.float16)
        return self.known[n]

    def window(self, rng, jitter=0.25, flip=True, n=None, half=None):
        """Five frames (uint8), owner maps, mel examples, per frame who sounds."""
        n = rng.randrange(self.count) if n is None else n
        half = rng.randrange(2) if half is None else half
        w, spect = self[n]
        spect = spect[half].astype(np.float32)
        off = rng.uniform(-jitter, jitter)
        drawn = [w.draw(5 * half + t + 0.5 + off) for t in range(T)]
        rgb, owner = np.stack([d[0] for d in drawn]), np.stack([d[1] for d in drawn])
        if flip and rng.random() < 0.5:
            rgb, owner, spect = rgb[:, :, ::-1], owner[:, :, ::-1], spect[:, ::-1]
        if flip and rng.random() < 0.5:
            rgb, owner = rgb[:, ::-1], owner[:, ::-1]
        heard = [w.sounding(5 * half + t) for t in range(T)]
        return rgb, owner, np.ascontiguousarray(spect), heard, w


def spoil(x, rng):
    """Light, contrast and grain of normalised pictures [n,3,H,W]."""
    x = x * rng.uniform(0.85, 1.15) + rng.uniform(-0.2, 0.2)
    if rng.random() < 0.5:
        x = x + np.random.default_rng(rng.getrandbits(32)).standard_normal(
            x.shape, dtype=np.float32) * rng.uniform(0.02, 0.12)
    return x.astype(np.float32)


def ahead(make, depth=3):
    """Runs make() in a thread, `depth` results ahead."""
    queue = Queue(depth)

    def work():
        while True:
            queue.put(make())

    threading.Thread(target=work, daemon=True).start()
    return queue.get


def one_pixel(rng, mask):
    """A random pixel (x, y) of a boolean map, or None."""
    at = np.flatnonzero(mask)
    if len(at) == 0:
        return None
    at = int(at[rng.randrange(len(at))])
    return at % SIDE + 0.0, at // SIDE + 0.0


def first_prompt(rng, mask, points):
    """points = 1: a click; 2: a box; 3: a box and a click, or three clicks."""
    if points == 1:
        return [one_pixel(rng, mask)], [1]
    ys, xs = np.nonzero(mask)
    if points == 2 or rng.random() < 0.5:
        jitter = [rng.uniform(-3, 3) for _ in range(4)]
        box = [(xs.min() + jitter[0], ys.min() + jitter[1]),
               (xs.max() + 1 + jitter[2], ys.max() + 1 + jitter[3])]
        click = [one_pixel(rng, mask)] if points == 3 else []
        return box + click, [2, 3] + [1] * len(click)
    second = one_pixel(rng, mask if rng.random() < 0.5 else ~mask)
    spots = [one_pixel(rng, mask), second, one_pixel(rng, mask)]
    return spots, [int(mask[int(y), int(x)]) for x, y in spots]


def correction(rng, predicted, mask):
    """A click where the prediction is wrong; anywhere in the object when it is right."""
    spot = one_pixel(rng, predicted != mask)
    if spot is None:
        spot = one_pixel(rng, mask) or (rng.uniform(0, SIDE), rng.uniform(0, SIDE))
    return spot, int(mask[int(spot[1]), int(spot[0])])


def shrink(masks, side):
    """Boolean [B,256,256] -> the covered share of each cell, [B,side,side]."""
    k = SIDE // side
    x = torch.as_tensor(masks).float()
    return F.avg_pool2d(x[:, None], k)[:, 0] if k > 1 else x


# Beside SAM 2's own terms: plain cross entropy, which makes the first minutes shorter, and every
# mask, not the best one alone: with a choice of three the masks divide the kinds among them and
# the prompt is not listened to. Nothing in this world is ambiguous.
PLAIN = 3.0


def sam_loss(out, target, multi, single):
    """SAM 2's loss over the masks of a decoder pass, per object; target [B,s,s] in 0..1."""
    masks, iou, score, _ = out
    x = masks if target.shape[-1] == masks.shape[-1] else F.interpolate(
        masks, target.shape[-2:], mode="bilinear")
    t = target[:, None].expand_as(x)
    p = x.sigmoid()
    ce = F.binary_cross_entropy_with_logits(x, t, reduction="none")
    focal = ((0.75 - 0.5 * t) * (p + t - 2 * p * t) ** 2 * ce).mean((2, 3))
    dice = 1 - (2 * (p * t).sum((2, 3)) + 1) / (p.sum((2, 3)) + t.sum((2, 3)) + 1)
    with torch.no_grad():
        a, b = x > 0, t > 0.5
        true = (a & b).sum((2, 3)) / (a | b).sum((2, 3)).clamp(min=1)
        some = (target.amax((1, 2)) > 0.5).float()
    each = 20 * focal + dice + PLAIN * ce.mean((2, 3))
    loss = multi * (0.2 * each[:, 1:].amin(1) + 0.8 * each[:, 1:].mean(1)) + single * each[:, 0]
    loss = loss + (iou - true).abs().mean(1)
    return some * loss + F.binary_cross_entropy_with_logits(score[:, 0], some, reduction="none")


def jaccard(low, mask):
    """Per object: logits [B,1,64,64] against boolean [B,256,256] at full size; empty = empty: 1."""
    big = F.interpolate(low, (SIDE, SIDE), mode="bilinear")[:, 0] > 0
    mask = torch.as_tensor(mask)
    union = (big | mask).flatten(1).sum(1)
    return torch.where(union > 0, (big & mask).flatten(1).sum(1) / union.clamp(min=1), 1.0)


def gather(sound, index, gate=None):
    """Prompts of the frames `index`; where gate is 0 they vanish, which is stock SAM 2."""
    sparse, dense = [a[index] for a in sound[0]], [v[index] for v in sound[1]]
    if gate is not None:
        sparse = [a * gate[:, None] for a in sparse]
        dense = [v * gate[:, None, None] for v in dense]
    return sparse, dense


def union_of(owner, heard):
    """Boolean [n,256,256]: pixels of the objects heard in each frame."""
    return np.stack([np.isin(o, [i + 1 for i in h]) for o, h in zip(owner, heard)])


def ask(owner, rng):
    """First prompts on objects of some of the frames, all of the same number of points."""
    points = rng.choices((1, 2, 3), (6, 2.5, 1.5))[0]
    index, masks, coords, labels, ids_of = [], [], [], [], []
    for n in rng.sample(range(len(owner)), len(owner) * 2 // 3):
        ids = [i for i in range(1, 6) if (owner[n] == i).sum() > 60]
        for i in rng.sample(ids, min(len(ids), 3)):  # one picture, other clicks, other answers
            mask = owner[n] == i
            if points == 1 and rng.random() < 0.07:  # a negative click alone asks for nothing
                spot, mask = one_pixel(rng, owner[n] >= 0), mask & False
                c, l = [spot], [0]
            else:
                c, l = first_prompt(rng, mask, points)
            index.append(n)
            masks.append(mask)
            coords.append(c)
            labels.append(l)
            ids_of.append(i if mask.any() else 0)
    return (torch.tensor(index), np.stack(masks), torch.tensor(coords, dtype=torch.float32),
            torch.tensor(labels), ids_of)


def click_parts(sam, image, skips, sound, index, masks, coords, labels, ids, side,
                rounds=2, hints=None, classes=None, table=None, joint=0.5):
    """Rounds of clicks on single frames, the share `joint` of them with the sound as well."""
    parts = {}
    gate = (torch.rand(len(index)) < joint).float()
    here, prompts = [s[index] for s in skips], gather(sound, index, gate)
    target, mask = shrink(masks, side), None
    rng = random.Random(int(torch.randint(1 << 30, ())))
    for turn in range(rounds):
        out = sam.decode(image[index], here, coords, labels, mask, prompts)
        few = coords.shape[1] <= 1
        parts["click%d" % turn] = sam_loss(out, target, *((1, 0.5) if few else (0.3, 1))).mean()
        if hints is not None:
            want = torch.stack([table[n // T][i] for n, i in zip(index.tolist(), ids)])
            place = torch.tensor([[np.mean(np.nonzero(m)[a]) / SIDE if m.any() else 0.5
                                   for a in (1, 0)] for m in masks], dtype=torch.float32)
            parts["hint%d" % turn] = hints(sam, out, want, classes[index], place)
        if turn + 1 < rounds:
            mask = sam.pick(out, few)[0].detach().clamp(-32, 32)
            guess = F.interpolate(mask, (SIDE, SIDE), mode="bilinear")[:, 0].numpy() > 0
            again = [correction(rng, g, m) for g, m in zip(guess, masks)]
            coords = torch.cat([coords, torch.tensor([c for c, _ in again])[:, None]], 1)
            labels = torch.cat([labels, torch.tensor([l for _, l in again])[:, None]], 1)
    return parts


# ---- the parts of the model and their start ----------------------------------------------------

def build(directory):
    torch.manual_seed(1)
    c = model.DEMO
    sam, vgg = model.Sam2(c["sam2"]), hearing.Vggish(c["vgg"])
    begin(sam)
    fuser = hearing.Fuser(c["fuser"], c["sam2"]["image_size"])
    fuser.drop = 0.0
    ear_file = os.path.join(directory, "ear.pt")
    if os.path.exists(ear_file):
        load(directory, "ear", vgg=vgg)
    vgg.requires_grad_(False)
    return sam, vgg, fuser


def begin(sam):
    """A start from which a small decoder learns in minutes. Its cross attention already looks at
    the place a prompt names and at what resembles a token (queries and keys projected alike);
    all attention passes on what it sees (the way out undoes the way in), among the tokens evenly.
    Memory looks at its own place first (equal biases, which the rotary encoding turns into
    nearness) and leaves the feature much as it is."""
    t = sam.sam_mask_decoder.transformer
    across = [t.final_attn_token_to_image] + [
        a for l in t.layers for a in (l.cross_attn_token_to_image, l.cross_attn_image_to_token)]
    for attention in across + [l.self_attn for l in t.layers]:
        w = attention.q_proj.weight
        gain = 3.0 if attention in across else 0.3
        nn.init.normal_(w, std=gain / (3 * w.shape[1]) ** 0.5)
        attention.k_proj.weight.data.copy_(w.data)
        nn.init.orthogonal_(attention.v_proj.weight)
        attention.out_proj.weight.data.copy_(attention.v_proj.weight.data.t())
        for projection in (attention.q_proj, attention.k_proj, attention.v_proj,
                           attention.out_proj):
            nn.init.zeros_(projection.bias)
    for embedding in sam.sam_prompt_encoder.point_embeddings:
        embedding.weight.data *= 0.5
    sam.sam_prompt_encoder.no_mask_embed.weight.data *= 0.2
    sam.memory_attention.norm.weight.data *= 0.5
    for layer in sam.memory_attention.layers:
        layer.self_attn.out_proj.weight.data *= 0.2
        layer.linear2.weight.data *= 0.2
        for projection in (layer.cross_attn_image.q_proj, layer.cross_attn_image.k_proj):
            nn.init.constant_(projection.bias, 0.7)


@torch.no_grad()
def settle(sam, fuser, pool):
    """Centres the image feature F and shrinks it, so that its size does not drown the encoding of
    the place; the fuser's first layer undoes it. The encoder stays the same function but that."""
    rgb = np.stack([pool[n][0].draw(n % 10)[0] for n in range(40)])
    feature = sam.encode(torch.from_numpy(world.normalise(rgb)))[2]
    mean = feature.mean((0, 2, 3))
    scale = (feature - mean[:, None, None]).norm(dim=1).mean() / 4
    coarse, fine = (sam.image_encoder.neck.convs[i].conv for i in (0, 1))
    fine.bias -= mean
    for p in (coarse.weight, coarse.bias, fine.weight, fine.bias):
        p /= scale
    patch = fuser.patch_embeds[2]
    patch.bias += patch.weight.flatten(1) @ mean
    patch.weight *= scale
    say("settled: mean %.1f, scale %.2f" % (mean.norm(), scale))


@torch.no_grad()
def balance(fuser):
    """The products of the fusion have no softmax and grow to any size; the batch norm after them
    hides it, but f16 could not hold its statistics. Gives them unit size by shrinking the three
    factors: the same function."""
    for m in fuser.fusion_modules:
        for factors, out in (((m.q_frame, m.k_audio, m.v_audio), m.W_z),
                             ((m.q_audio, m.k_frame, m.v_frame), m.W_z2)):
            c = out[1].running_var.mean() ** -0.5
            for factor in factors:
                factor.weight *= c ** (1 / 3)
                factor.bias *= c ** (1 / 3)
            out[0].bias *= c
            out[1].running_mean *= c
            out[1].running_var *= c * c


class Hints(nn.Module):
    """Throw-away heads that say early what the decoder should know: the mask tokens, which kinds
    are asked for and where; the upscaled picture, which kind each pixel is. Without them it
    outlines everything for a thousand steps before it listens to the prompt."""

    def __init__(self, d):
        super().__init__()
        self.token = nn.Linear(d, KINDS + 2)
        self.pixel = nn.Conv2d(d // 8, KINDS + 1, 1)

    def forward(self, sam, out, asked, classes, place=None):
        """asked [B,KINDS] in {0,1}, classes [B,64,64], place [B,2] in 0..1."""
        said = self.token(out[3][:, 2:6])
        loss = F.binary_cross_entropy_with_logits(
            said[..., :KINDS], asked[:, None].expand(-1, 4, -1))
        if place is not None:
            loss = loss + 2 * F.smooth_l1_loss(said[..., KINDS:],
                                               place[:, None].expand(-1, 4, -1), beta=0.1)
        return loss + F.cross_entropy(self.pixel(sam.sam_mask_decoder.upscaled), classes)


def fast():
    """bfloat16 for the large products; the decoder, memory and losses stay in float32."""
    return torch.autocast("cpu", torch.bfloat16)


def encode(sam, images):
    with fast():
        fpn = sam.encode(images)
    return [f.float() for f in fpn]


def hear(fuser, rows, fpn):
    """Prompts (A, V) of every frame, the clips of T frames end to end."""
    with fast():
        a, v = fuser([f.reshape(-1, T, *f.shape[1:]) for f in fpn], rows)
    return [x.flatten(0, 1).float() for x in a], [x.flatten(0, 1).float() for x in v]


# ---- the encoder at rest, tracking ---------------------------------------------------------------

class Store:
    """What the frozen encoder makes of windows or sequences: it grows to `size`, then the oldest
    goes. One new thing for every third batch drawn, so the encoder hardly costs anything."""

    def __init__(self, make, size, rng):
        self.fetch, self.size, self.rng, self.kept = ahead(make), size, rng, []
        self.next = self.drawn = 0

    def draw(self, count):
        self.drawn += 1
        few = len(self.kept) < 10 * count
        for _ in range(max(1, count - len(self.kept)) if few else self.drawn % 3 == 0):
            if len(self.kept) < self.size:
                self.kept.append(None)
            self.kept[self.next % self.size] = self.fetch()
            self.next += 1
        return self.rng.sample(self.kept, count)


@torch.no_grad()
def see(sam, rgb, rng):
    images = torch.from_numpy(spoil(world.normalise(rgb), rng))
    with fast():
        return [f.bfloat16() for f in sam.encode(images)]


def see_window(sam, vgg, pool, rng):
    """A window and its truth: features (pictures where `sam` is None), rows of the ear, owner map,
    what is heard, kinds asked for, kind of each pixel, kind of each object."""
    rgb, owner, spect, heard, w = pool.window(rng)
    with torch.no_grad():
        rows = vgg.ears(torch.from_numpy(spect))
    kinds = np.array([0] + [k + 1 for k in w.kinds])
    table = F.one_hot(torch.from_numpy(kinds), KINDS + 1)[:, 1:].float()  # object -> its kind
    asked = torch.stack([table[[i + 1 for i in h if (o == i + 1).any()]].sum(0).clamp(max=1)
                         for h, o in zip(heard, owner)])
    classes = torch.from_numpy(kinds[owner[:, 2::4, 2::4]])
    seen = see(sam, rgb, rng) if sam else torch.from_numpy(spoil(world.normalise(rgb), rng))
    return (seen, rows, np.ascontiguousarray(owner), union_of(owner, heard), asked, classes,
            table)


def single_frames(sam, fuser, hints, fpn, drawn, turn, rounds):
    """The losses of windows whose frames stand alone: sound, clicks, both."""
    owner, heard = (np.concatenate([w[k] for w in drawn]) for k in (2, 3))
    classes = torch.cat([w[5] for w in drawn])
    skips, image = sam.skips(fpn), sam.without_memory(fpn[2])
    sound = hear(fuser, torch.stack([w[1] for w in drawn]), fpn)
    out = sam.decode(image, skips, sound=sound)
    part = {"sound": sam_loss(out, shrink(heard, 64), 1, 0.1).mean(),
            "hint": hints(sam, out, torch.cat([w[4] for w in drawn]), classes)}
    part.update(click_parts(sam, image, skips, sound, *ask(owner, turn), 64, rounds, hints,
                            classes, [w[6] for w in drawn]))
    return part


def see_chase(sam, pool, rng, length=7):
    """A sequence to track in: gaps of a twelfth to three quarters of a second, so that a few
    frames see what many do later; forward or backward."""
    w, _ = pool[rng.randrange(pool.count)]
    gap = rng.choice((1, 1, 2, 2, 3, 4, 6, 9)) / world.FPS
    start = rng.uniform(0, world.SECONDS - 0.05 - gap * length)
    drawn = [w.draw(start + gap * t) for t in range(length)]
    rgb, owner = np.stack([d[0] for d in drawn]), np.stack([d[1] for d in drawn])
    if rng.random() < 0.5:
        rgb, owner = rgb[:, :, ::-1], owner[:, :, ::-1]
    if rng.random() < 0.5:
        rgb, owner = rgb[::-1], owner[::-1]
    kinds = np.array([0] + [k + 1 for k in w.kinds])
    table = F.one_hot(torch.from_numpy(kinds), KINDS + 1)[:, 1:].float()
    return see(sam, rgb, rng), np.ascontiguousarray(owner), kinds[owner[:, 2::4, 2::4]], table


class Track:
    """One batch of objects through one sequence; the bank of sam2.md's tracker, batched."""

    def __init__(self, sam):
        self.sam, self.cond, self.recent = sam, {}, {}

    def image(self, t, feature):
        """What the decoder sees on frame t: with memory where there is one."""
        if not self.cond and not self.recent:
            return self.sam.without_memory(feature)
        spatial = [(m, 6) for m, _ in self.cond.values()]
        spatial += [(self.recent[t - r][0], r - 1) for r in range(6, 0, -1) if t - r in self.recent]
        pointers = [p for c, (_, p) in self.cond.items() if c <= t]
        pointers += [self.recent[t - k][1] for k in range(1, 16) if t - k in self.recent]
        return self.sam.recall(feature, spatial, pointers)

    def keep(self, t, feature, low, pointer, cond, appear=None, binary=False):
        memory = self.sam.remember(feature, low.detach(), appear, binary=cond or binary)
        (self.cond if cond else self.recent)[t] = memory, pointer

    def step(self, t, feature, out, multimask, cond, heard=False):
        """Chooses the mask of a decoder pass and remembers it. Where sound took part every
        memory mask is binary and what is absent is not hidden."""
        low, token, _ = self.sam.pick(out, multimask)
        appear = out[2].detach() > 0
        self.keep(t, feature, low, self.sam.pointer(token, appear), cond,
                  None if heard else appear, heard)
        return low if heard else torch.where(appear[:, :, None, None], low, -1024.0)


def sound_pass(sam, sound, fpn, skips):
    """Audio only, frame after frame; yields t, the frame's rows in the batch, the output."""
    track = Track(sam)
    for t in range(T):
        rows = torch.arange(t, len(fpn[2]), T)
        feature, here = fpn[2][rows], [s[rows] for s in skips]
        out = sam.decode(track.image(t, feature), here, sound=gather(sound, rows))
        track.step(t, feature, out, True, t == 0, heard=True)
        yield t, rows, out


def chase(sam, hints, mark, sequences, rng):
    """Tracks from a click, a box or a mask; sometimes a second conditioning frame lies ahead,
    sometimes a click corrects on the way. Returns the losses."""
    length = len(sequences[0][1])
    fpn = [torch.cat(level).float() for level in zip(*(s[0] for s in sequences))]
    index, masks, wanted = [], [], []
    for n, (_, owner, _, table) in enumerate(sequences):
        ids = [i for i in range(1, 6) if (owner[0] == i).sum() > 80]
        for i in rng.sample(ids, min(3, len(ids))):
            index.append(n)
            masks.append(owner == i)
            wanted.append(table[i])
    classes = torch.from_numpy(np.stack([s[2] for s in sequences]))
    wanted = torch.stack(wanted)
    index, masks = torch.tensor(index), np.stack(masks, 1)
    skips = sam.skips(fpn)
    parts, track = {}, Track(sam)
    start = rng.choices(("click", "box", "mask"), (5, 2.5, 2.5))[0]
    fix = rng.randrange(2, length) if rng.random() < 0.35 else -1
    if rng.random() < 0.3:
        rows = index * length + length - 1
        given = torch.from_numpy(masks[-1]).float()[:, None]
        low, pointer, _ = sam.from_mask(fpn[2][rows], [s[rows] for s in skips], given)
        track.keep(length - 1, fpn[2][rows], low, pointer, True)
        ahead_mask = track.cond
        track.cond = {}
    else:
        ahead_mask = {}
    total, hint = [], []
    for t in range(length):
        rows = index * length + t
        feature, here = fpn[2][rows], [s[rows] for s in skips]
        mask = masks[t]
        target = shrink(mask, 128)
        if t == 0:
            if start == "mask":
                given = torch.from_numpy(mask).float()[:, None]
                low, pointer, out = sam.from_mask(feature, here, given)
                total.append(0.3 * sam_loss(out, target, 0.3, 1))
                track.keep(0, feature, low, pointer, True)
            else:
                points = 1 if start == "click" else 2
                prompts = [first_prompt(rng, m, points) for m in mask]
                out = sam.decode(sam.without_memory(feature), here,
                                 torch.tensor([c for c, _ in prompts], dtype=torch.float32),
                                 torch.tensor([l for _, l in prompts]))
                total.append(sam_loss(out, target, *((1, 0.5) if points == 1 else (0.3, 1))))
                track.step(0, feature, out, points == 1, True)
            track.cond.update(ahead_mask)
            continue
        if t == length - 1 and ahead_mask:
            break
        image = track.image(t, feature)
        out = sam.decode(image, here, tracked=True)
        total.append(sam_loss(out, target, 1, 0.3))
        there = shrink(mask, 16)
        seen = (there.amax((1, 2)) > 0.3).float()[:, None]
        hint.append(hints(sam, out, wanted * seen, classes[index, t]))
        hint.append(3 * F.binary_cross_entropy_with_logits(mark(image)[:, 0], there))
        if t == fix:
            low = sam.pick(out, True)[0].detach()
            guess = F.interpolate(low, (SIDE, SIDE), mode="bilinear")[:, 0].numpy() > 0
            clicks = [correction(rng, g, m) for g, m in zip(guess, mask)]
            out = sam.decode(image, here, torch.tensor([[c] for c, _ in clicks]),
                             torch.tensor([[l] for _, l in clicks]), low.clamp(-32, 32))
            total.append(sam_loss(out, target, 1, 0.5))
            track.step(t, feature, out, True, True)
        else:
            track.step(t, feature, out, True, False)
    parts["chase"] = torch.stack(total[1:]).mean()
    parts["start"] = total[0].mean()
    parts["hint"] = 2 * torch.stack(hint).mean()
    return parts
