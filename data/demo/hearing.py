"""The ear (log-mel and VGGish) and AuralFuser at any width, official state-dict names."""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from model import attend, sine_pe


class Vggish(nn.Module):
    def __init__(self, c):
        super().__init__()
        a, b, e, f = c["channels"]

        def conv(i, o):
            return [nn.Conv2d(i, o, 3, 1, 1), nn.ReLU()]

        pool = nn.MaxPool2d(2, 2)
        self.features = nn.Sequential(*conv(1, a), pool, *conv(a, b), pool, *conv(b, e),
                                      *conv(e, e), pool, *conv(e, f), *conv(f, f), pool)
        self.embeddings = nn.Sequential(nn.Linear(24 * f, c["fc"]), nn.ReLU(),
                                        nn.Linear(c["fc"], c["fc"]), nn.ReLU(),
                                        nn.Linear(c["fc"], c["embedding"]), nn.ReLU())

    def forward(self, x):
        """[B,96,64] -> [B,embedding]"""
        return self.embeddings(self.features(x[:, None]).permute(0, 2, 3, 1).flatten(1))

    def ears(self, spect):
        """[...,2,96,64] -> [..., 2 * embedding]"""
        lead = spect.shape[:-3]
        return self(spect.reshape(-1, 96, 64)).reshape(*lead, -1)


def mel_matrix():
    edges = np.linspace(1127 * np.log(1 + 125 / 700), 1127 * np.log(1 + 7500 / 700), 66)
    m = 1127 * np.log(1 + np.arange(257) * 31.25 / 700)[:, None]
    lo, ctr, hi = edges[:-2], edges[1:-1], edges[2:]
    w = np.maximum(0, np.minimum((m - lo) / (ctr - lo), (hi - m) / (hi - ctr)))
    w[0] = 0
    return w


MEL = mel_matrix()
HANN = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)


def log_mel(wave):
    """16 kHz samples in [-1,1] -> [frames,64]"""
    n = 1 + (len(wave) - 400) // 160
    frames = np.lib.stride_tricks.sliding_window_view(wave, 400)[::160][:n] * HANN
    return np.log(np.abs(np.fft.rfft(frames, 512)) @ MEL + 0.01)


def examples(stereo):
    """[n,2] samples -> [examples,2,96,64] float32"""
    ears = []
    for ear in range(2):
        mel = log_mel(stereo[:, ear])
        n = len(mel) // 96
        ears.append(mel[:n * 96].reshape(n, 96, 64))
    return np.stack(ears, 1).astype(np.float32)


# ---- AuralFuser ------------------------------------------------------------------------------

class FuserAttention(nn.Module):
    def __init__(self, d, heads, sr):
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(d, d)
        self.kv = nn.Linear(d, 2 * d)
        self.proj = nn.Linear(d, d)
        if sr:
            self.sr = nn.Conv2d(d, d, sr, sr)
            self.norm = nn.LayerNorm(d)

    def forward(self, x, grid, drop):
        b, n, d = x.shape
        z = x
        if grid:
            z = self.sr(x.transpose(1, 2).reshape(b, d, grid, grid))
            z = self.norm(z.flatten(2).transpose(1, 2))
        q = self.q(x).reshape(b, n, self.heads, -1).transpose(1, 2)
        k, v = self.kv(z).reshape(b, z.shape[1], 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        o = attend(q, k, v, drop)
        return F.dropout(self.proj(o.transpose(1, 2).flatten(2)), drop)


class FuserMlp(nn.Module):
    def __init__(self, d, ratio, spatial):
        super().__init__()
        self.fc1 = nn.Linear(d, d * ratio)
        self.fc2 = nn.Linear(d * ratio, d)
        if spatial:
            self.dwconv = nn.Module()
            self.dwconv.dwconv = nn.Conv2d(d * ratio, d * ratio, 3, 1, 1, groups=d * ratio)

    def forward(self, x, grid, drop):
        h = self.fc1(x)
        if grid:
            b, n, c = h.shape
            h = self.dwconv.dwconv(h.transpose(1, 2).reshape(b, c, grid, grid))
            h = h.flatten(2).transpose(1, 2)
        return F.dropout(self.fc2(F.dropout(F.gelu(h), drop)), drop)


class FuserBlock(nn.Module):
    """Visual with a grid; on token rows the spatial parts have no weights (they are dead)."""

    def __init__(self, c, spatial):
        super().__init__()
        d = c["dim"]
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attn = FuserAttention(d, c["num_heads"], c["sr_ratio"] if spatial else 0)
        self.mlp = FuserMlp(d, c["mlp_ratio"], spatial)

    def forward(self, x, grid, drop):
        x = x + self.attn(self.norm1(x), grid, drop)
        return x + self.mlp(self.norm2(x), grid, drop)


class Fusion(nn.Module):
    def __init__(self, d, ci):
        super().__init__()
        self.inner = ci
        self.align_channel = nn.Conv1d(d, d, 1)
        self.norm_layer = nn.LayerNorm(d)
        self.W_z = nn.Sequential(nn.Conv3d(ci, d, 1), nn.BatchNorm3d(d))
        self.W_z2 = nn.Sequential(nn.Conv1d(ci, d, 1), nn.BatchNorm1d(d))
        self.norm_layer2 = nn.LayerNorm(d)
        for name in ("q", "k", "v"):
            setattr(self, name + "_frame", nn.Conv3d(d, ci, 1))
            setattr(self, name + "_audio", nn.Conv1d(d, ci, 1))
        for bn in (self.W_z[1], self.W_z2[1]):
            nn.init.zeros_(bn.weight)

    def forward(self, x, d):
        """x [B,T,HW,d], d [B,Na,d]"""
        b, t, hw, c = x.shape
        na, ci = d.shape[1], self.inner

        def row(conv, v):
            return F.linear(v, conv.weight.flatten(1), conv.bias)

        e = row(self.align_channel, d)

        def scrambled(conv):  # [B,T,ci,HW] in memory, read as rows of ci
            return row(conv, x).transpose(2, 3).reshape(b, t * hw, ci)

        qf, kf, vf = scrambled(self.q_frame), scrambled(self.k_frame), scrambled(self.v_frame)
        qa, ka, va = row(self.q_audio, e), row(self.k_audio, e), row(self.v_audio, e)
        o = qf @ (ka.transpose(1, 2) @ va) / (t * hw)
        o = o.transpose(1, 2).reshape(b * t, ci, hw).transpose(1, 2)
        y = row(self.W_z[0], o).transpose(1, 2)
        y = self.W_z[1](y.reshape(b * t, c, 1, 1, hw)).reshape(b, t, c, hw).transpose(2, 3)
        r = qa @ (kf.transpose(1, 2) @ vf) / (t * hw)
        r = r.transpose(1, 2).reshape(b, na, ci)
        z = self.W_z2[1](row(self.W_z2[0], r).reshape(b * na, c)).reshape(b, na, c)
        return self.norm_layer(x + y), self.norm_layer2(e + z)


class Fuser(nn.Module):
    """AuralFuser. `T` is whatever the input has; clips are the leading axis."""

    def __init__(self, c, size):
        super().__init__()
        d = c["dim"]
        self.grid = size // 16
        self.drop = 0.1
        self.patch_embeds = nn.ModuleList(nn.Conv2d(d, d, k, k) for k in (4, 2, 1))
        self.f_blocks = nn.ModuleList(nn.ModuleList(FuserBlock(c, True) for _ in range(n))
                                      for n in c["f_depths"])
        self.a_blocks = nn.ModuleList(nn.ModuleList(FuserBlock(c, False) for _ in range(n))
                                      for n in c["a_depths"])
        self.fusion_modules = nn.ModuleList(Fusion(d, c["inner"]) for _ in range(3))
        self.smooth_convs = nn.ModuleList(nn.Conv2d(d, d, 1) for _ in range(2))
        g = self.grid
        self.register_buffer("pos", sine_pe(d, g, g).flatten(1).t()[None], False)
        self.register_buffer("d_pos", torch.tensor([0.0, 1.0]).repeat(d // 2), False)

    def forward(self, fpn, d):
        """fpn: three maps [B,T,d,..]; d [B,Na,d]. Gives A (3 x [B,Na,d]), V (3 x [B,T,HW,d])."""
        b, t = fpn[0].shape[:2]
        drop = self.drop if self.training else 0.0
        dense, sparse, v = [], [], None
        for k in range(3):
            x = self.patch_embeds[k](fpn[k].flatten(0, 1)).flatten(2).transpose(1, 2)
            if k > 0:
                conv = self.smooth_convs[k - 1]
                x = F.linear(x + v.flatten(0, 1), conv.weight.flatten(1), conv.bias)
            x, d = x + self.pos, d + self.d_pos
            for block in self.f_blocks[k]:
                x = block(x, self.grid, drop)
            for block in self.a_blocks[k]:
                d = block(d, 0, drop)
            x, d = x + self.pos, d + self.d_pos
            v, d = self.fusion_modules[k](x.reshape(b, t, *x.shape[1:]), d)
            dense.append(v)
            sparse.append(d)
        return sparse, dense
