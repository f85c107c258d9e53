"""SAM 2 (2.0 options) with every width a matter of configuration, and the configuration of the
demo. State-dict names are the official ones. `Sam2` has the pieces of one tracking step, batched
over objects. VGGish and AuralFuser are in hearing.py. A developer's tool: the application does not
use it.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

DEMO = {
    "format": "earmark-model-1", "name": "earmark-demo",
    "sam2": {
        "version": "2.0", "image_size": 256,
        "trunk": {"embed_dim": 24, "num_heads": 1, "stages": [1, 2, 4, 1],
                  "global_att_blocks": [5], "window_spec": [8, 4, 8, 4],
                  "window_pos_embed_bkg_spatial_size": [7, 7]},
        "d_model": 64, "mem_dim": 16,
        "mask_decoder": {"depth": 2, "num_heads": 4, "mlp_dim": 256, "iou_head_depth": 3,
                         "iou_head_hidden_dim": 64},
        "memory_attention": {"num_layers": 2, "dim_feedforward": 256},
        "memory_encoder": {"fuser_layers": 2},
        "num_maskmem": 7, "max_obj_ptrs_in_encoder": 16, "add_tpos_enc_to_obj_ptrs": False,
        "proj_tpos_enc_in_obj_ptrs": False, "no_obj_embed_spatial": False},
    "vgg": {"channels": [16, 32, 64, 64], "fc": 256, "embedding": 32},
    "fuser": {"dim": 64, "inner": 32, "num_heads": 4, "mlp_ratio": 4, "sr_ratio": 4,
              "f_depths": [1, 1, 2], "a_depths": [1, 1, 1], "T": 5, "cond_frame": "first"},
}


def attend(q, k, v, drop=0.0):
    """softmax(q k^T / sqrt(d)) v over [B,heads,n,d]. Written out where gradients are wanted: the
    backward pass of the fused kernel is slower than all the rest on small windows."""
    if not torch.is_grad_enabled():
        return F.scaled_dot_product_attention(q, k, v)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    return F.dropout(scores.softmax(-1), drop, drop > 0).to(v.dtype) @ v


class LayerNorm2d(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n))
        self.bias = nn.Parameter(torch.zeros(n))

    def forward(self, x):
        x = F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, 1e-6)
        return x.permute(0, 3, 1, 2)


class Mlp(nn.Module):
    def __init__(self, sizes, act=F.relu):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.act = act

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = self.act(layer(x))
        return self.layers[-1](x)


def sine_pe(features, height, width):
    """[features, height, width], y channels first."""
    n = features // 2
    k = torch.arange(n, dtype=torch.float64)
    period = 10000 ** (2 * torch.floor(k / 2) / n)

    def axis(size):
        p = (torch.arange(size, dtype=torch.float64) + 1) / (size + 1e-6) * 2 * math.pi
        a = p[:, None] / period
        return torch.where(k % 2 == 0, a.sin(), a.cos()).float()

    y, x = axis(height), axis(width)
    return torch.cat([y.t()[:, :, None].expand(n, height, width),
                      x.t()[:, None, :].expand(n, height, width)]).contiguous()


# ---- image encoder ---------------------------------------------------------------------------

class HieraAttention(nn.Module):
    def __init__(self, dim, out, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * out)
        self.proj = nn.Linear(out, out)

    def forward(self, x, pool):
        b, h, w, _ = x.shape
        qkv = self.qkv(x).reshape(b, h * w, 3, self.heads, -1)
        q, k, v = qkv.unbind(2)
        if pool:
            q = pool2(q.reshape(b, h, w, -1))
            h, w = q.shape[1:3]
            q = q.reshape(b, h * w, self.heads, -1)
        o = attend(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        return self.proj(o.transpose(1, 2).reshape(b, h, w, -1))


def pool2(x):
    return F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


class HieraBlock(nn.Module):
    def __init__(self, dim, out, heads, window, pool):
        super().__init__()
        self.window, self.pool = window, pool
        self.norm1 = nn.LayerNorm(dim, 1e-6)
        self.attn = HieraAttention(dim, out, heads)
        self.norm2 = nn.LayerNorm(out, 1e-6)
        self.mlp = Mlp([out, 4 * out, out], F.gelu)
        if dim != out:
            self.proj = nn.Linear(dim, out)

    def forward(self, x):
        y = self.norm1(x)
        if hasattr(self, "proj"):
            x = self.proj(y)
            if self.pool:
                x = pool2(x)
        b, height, width, c = y.shape
        w = self.window
        if w == 0:
            x = x + self.attn(y, self.pool)
        else:
            ph, pw = -height % w, -width % w
            if ph or pw:
                y = F.pad(y, (0, 0, 0, pw, 0, ph))
            rows, cols = (height + ph) // w, (width + pw) // w
            y = y.reshape(b, rows, w, cols, w, c).transpose(2, 3).reshape(-1, w, w, c)
            y = self.attn(y, self.pool)
            w = y.shape[1]
            y = y.reshape(b, rows, cols, w, w, -1).transpose(2, 3)
            y = y.reshape(b, rows * w, cols * w, -1)
            x = x + y[:, :x.shape[1], :x.shape[2]]
        return x + self.mlp(self.norm2(x))


class Hiera(nn.Module):
    def __init__(self, c):
        super().__init__()
        dim, heads = c["embed_dim"], c["num_heads"]
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, dim, 7, 4, 3)
        side = c["window_pos_embed_bkg_spatial_size"]
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, dim, *side))
        win = c["window_spec"][0]
        self.pos_embed_window = nn.Parameter(0.02 * torch.randn(1, dim, win, win))
        self.blocks = nn.ModuleList()
        self.ends = []
        index = 0
        for stage, depth in enumerate(c["stages"]):
            for n in range(depth):
                first = n == 0 and stage > 0
                window = c["window_spec"][stage - 1 if first else stage]
                if index in c["global_att_blocks"]:
                    window = 0
                out = dim * 2 if first else dim
                if first:
                    heads *= 2
                self.blocks.append(HieraBlock(dim, out, heads, window, first))
                dim = out
                index += 1
            self.ends.append(index - 1)

    def forward(self, x):
        x = self.patch_embed.proj(x).permute(0, 2, 3, 1)
        h, w = x.shape[1:3]
        pos = F.interpolate(self.pos_embed, (h, w), mode="bicubic")
        k = self.pos_embed_window.shape[-1]
        pos = pos + self.pos_embed_window.tile(1, 1, h // k, w // k)
        x = x + pos.permute(0, 2, 3, 1)
        out = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.ends:
                out.append(x.permute(0, 3, 1, 2))
        return out


class Neck(nn.Module):
    def __init__(self, channels, d):
        super().__init__()
        self.convs = nn.ModuleList()
        for c in reversed(channels):
            level = nn.Module()
            level.conv = nn.Conv2d(c, d, 1)
            self.convs.append(level)

    def forward(self, stages):
        lateral = [self.convs[3 - i].conv(x) for i, x in enumerate(stages)]
        top = F.interpolate(lateral[3].float(), scale_factor=2, mode="nearest")
        return lateral[0], lateral[1], lateral[2] + top


# ---- prompts and decoder ---------------------------------------------------------------------

class PromptEncoder(nn.Module):
    def __init__(self, d, size):
        super().__init__()
        self.size = size
        self.pe_layer = nn.Module()
        self.pe_layer.register_buffer("positional_encoding_gaussian_matrix",
                                      torch.randn(2, d // 2))
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, d) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, d)
        self.no_mask_embed = nn.Embedding(1, d)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, 4, 2, 2), LayerNorm2d(4), nn.GELU(),
            nn.Conv2d(4, 16, 2, 2), LayerNorm2d(16), nn.GELU(), nn.Conv2d(16, d, 1))

    def fourier(self, uv):
        z = 2 * math.pi * ((2 * uv - 1) @ self.pe_layer.positional_encoding_gaussian_matrix)
        return torch.cat([z.sin(), z.cos()], -1)

    def dense_pe(self, grid):
        p = (torch.arange(grid) + 0.5) / grid
        v, u = torch.meshgrid(p, p, indexing="ij")
        return self.fourier(torch.stack([u, v], -1)).reshape(1, grid * grid, -1)

    def points(self, coords, labels, pad=True):
        """coords [B,P,2] in model pixels, labels [B,P]; label -1 is not a point."""
        if pad:
            coords = F.pad(coords, (0, 0, 0, 1))
            labels = F.pad(labels, (0, 1), value=-1)
        table = torch.cat([e.weight for e in self.point_embeddings])
        x = self.fourier((coords + 0.5) / self.size) + table[labels.clamp(min=0)]
        return torch.where((labels == -1)[..., None], self.not_a_point_embed.weight, x)

    def dense(self, mask, batch, grid):
        """[B,N,d]; mask [B,1,S/4,S/4] logits or None."""
        if mask is None:
            return self.no_mask_embed.weight[None].expand(batch, grid * grid, -1)
        return self.mask_downscaling(mask).flatten(2).transpose(1, 2)


class Attention(nn.Module):
    def __init__(self, d, inner, heads, kv=None):
        super().__init__()
        kv = kv or d
        self.heads = heads
        self.q_proj = nn.Linear(d, inner)
        self.k_proj = nn.Linear(kv, inner)
        self.v_proj = nn.Linear(kv, inner)
        self.out_proj = nn.Linear(inner, d)

    def split(self, x):
        return x.reshape(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def forward(self, q, k, v, turn_q=None, turn_k=None):
        q, k, v = self.split(self.q_proj(q)), self.split(self.k_proj(k)), self.split(
            self.v_proj(v))
        if turn_q is not None:
            q, k = rotate(q, turn_q), rotate(k, turn_k)
        o = attend(q, k, v)
        return self.out_proj(o.transpose(1, 2).flatten(2))


class TwoWayLayer(nn.Module):
    def __init__(self, d, heads, mlp):
        super().__init__()
        self.self_attn = Attention(d, d, heads)
        self.norm1 = nn.LayerNorm(d)
        self.cross_attn_token_to_image = Attention(d, d // 2, heads)
        self.norm2 = nn.LayerNorm(d)
        self.mlp = Mlp([d, mlp, d])
        self.norm3 = nn.LayerNorm(d)
        self.norm4 = nn.LayerNorm(d)
        self.cross_attn_image_to_token = Attention(d, d // 2, heads)


class TwoWay(nn.Module):
    def __init__(self, d, c):
        super().__init__()
        self.layers = nn.ModuleList(TwoWayLayer(d, c["num_heads"], c["mlp_dim"])
                                    for _ in range(c["depth"]))
        self.final_attn_token_to_image = Attention(d, d // 2, c["num_heads"])
        self.norm_final_attn = nn.LayerNorm(d)

    def forward(self, tokens, z, pe, sound=None):
        """sound: (A, V), three stages each in the order 1, 2, 3, consumed in reverse."""
        q = t = tokens

        def add(q, z, i):
            a, v = sound[0][2 - i], sound[1][2 - i]
            q = torch.cat([q[:, :2], q[:, 2:6] + a[:, None], q[:, 6:]], 1)
            return q, z + v

        for i, layer in enumerate(self.layers):
            if sound is not None:
                q, z = add(q, z, i)
                if i == 0:
                    t = q  # the position encoding of the queries takes the first prompt along
            if i == 0:
                q = layer.self_attn(q, q, q)
            else:
                q = q + layer.self_attn(q + t, q + t, q)
            q = layer.norm1(q)
            q = layer.norm2(q + layer.cross_attn_token_to_image(q + t, z + pe, z))
            q = layer.norm3(q + layer.mlp(q))
            z = layer.norm4(z + layer.cross_attn_image_to_token(z + pe, q + t, q))
        if sound is not None:
            q, z = add(q, z, 2)
        q = self.norm_final_attn(q + self.final_attn_token_to_image(q + t, z + pe, z))
        return q, z


class MaskDecoder(nn.Module):
    def __init__(self, d, c):
        super().__init__()
        self.transformer = TwoWay(d, c)
        self.iou_token = nn.Embedding(1, d)
        self.mask_tokens = nn.Embedding(4, d)
        self.obj_score_token = nn.Embedding(1, d)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(d, d // 4, 2, 2), LayerNorm2d(d // 4), nn.GELU(),
            nn.ConvTranspose2d(d // 4, d // 8, 2, 2), nn.GELU())
        self.conv_s0 = nn.Conv2d(d, d // 8, 1)
        self.conv_s1 = nn.Conv2d(d, d // 4, 1)
        self.output_hypernetworks_mlps = nn.ModuleList(Mlp([d, d, d, d // 8]) for _ in range(4))
        width = c["iou_head_hidden_dim"]
        self.iou_prediction_head = Mlp([d] + [width] * (c["iou_head_depth"] - 1) + [4])
        self.pred_obj_score_head = Mlp([d, d, d, 1])

    def forward(self, image, s0, s1, pe, sparse, dense, sound=None):
        """image [B,d,G,G]; gives masks [B,4,S/4,S/4], iou [B,4], score [B,1], tokens [B,Nt,d]."""
        b, d, g, _ = image.shape
        tokens = torch.cat([self.obj_score_token.weight, self.iou_token.weight,
                            self.mask_tokens.weight])[None].expand(b, -1, -1)
        if sparse is not None:
            tokens = torch.cat([tokens, sparse], 1)
        z = image.flatten(2).transpose(1, 2) + dense
        hs, src = self.transformer(tokens, z, pe, sound)
        src = src.transpose(1, 2).reshape(b, d, g, g)
        up = self.output_upscaling
        u = up[2](up[1](up[0](src) + s1))
        u = up[4](up[3](u) + s0)
        self.upscaled = u
        hyper = torch.stack([m(hs[:, 2 + i]) for i, m in enumerate(
            self.output_hypernetworks_mlps)], 1)
        masks = (hyper @ u.flatten(2)).reshape(b, 4, 4 * g, 4 * g)
        iou = self.iou_prediction_head(hs[:, 1]).sigmoid()
        return masks, iou, self.pred_obj_score_head(hs[:, 0]), hs


# ---- memory ----------------------------------------------------------------------------------

def rope_table(d, grid):
    f = 10000.0 ** (-4 * torch.arange(d // 4, dtype=torch.float64) / d)
    t = torch.arange(grid * grid)
    angle = torch.cat([(t % grid)[:, None] * f, (t // grid)[:, None] * f], 1)
    return torch.stack([angle.cos(), angle.sin()]).float()


def rotate(x, table):
    """Turns the leading tokens that the table covers; the rest (pointers) stay."""
    n = table.shape[1]
    if n < x.shape[2]:
        return torch.cat([rotate(x[:, :, :n], table), x[:, :, n:]], 2)
    cos, sin = table
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


class MemoryLayer(nn.Module):
    def __init__(self, d, m, ffn):
        super().__init__()
        self.self_attn = Attention(d, d, 1)
        self.cross_attn_image = Attention(d, d, 1, m)
        self.linear1 = nn.Linear(d, ffn)
        self.linear2 = nn.Linear(ffn, d)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(d) for _ in range(3))


class MemoryAttention(nn.Module):
    def __init__(self, d, m, c):
        super().__init__()
        self.layers = nn.ModuleList(MemoryLayer(d, m, c["dim_feedforward"])
                                    for _ in range(c["num_layers"]))
        self.norm = nn.LayerNorm(d)

    def forward(self, x, memory, memory_pos, table, table_k):
        for l in self.layers:
            y = l.norm1(x)
            x = x + l.self_attn(y, y, y, table, table)
            x = x + l.cross_attn_image(l.norm2(x), memory + memory_pos, memory, table, table_k)
            x = x + l.linear2(F.relu(l.linear1(l.norm3(x))))
        return self.norm(x)


class CxBlock(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.gamma = nn.Parameter(torch.full((d,), 0.1))
        self.dwconv = nn.Conv2d(d, d, 7, 1, 3, groups=d)
        self.norm = LayerNorm2d(d)
        self.pwconv1 = nn.Linear(d, 4 * d)
        self.pwconv2 = nn.Linear(4 * d, d)

    def forward(self, x):
        y = self.norm(self.dwconv(x)).permute(0, 2, 3, 1)
        y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))
        return x + y.permute(0, 3, 1, 2)


class MemoryEncoder(nn.Module):
    def __init__(self, d, m, layers):
        super().__init__()
        steps, sizes = [], [1, 4, 16, 64, 256]
        for a, b in zip(sizes, sizes[1:]):
            steps += [nn.Conv2d(a, b, 3, 2, 1), LayerNorm2d(b), nn.GELU()]
        self.mask_downsampler = nn.Module()
        self.mask_downsampler.encoder = nn.Sequential(*steps, nn.Conv2d(256, d, 1))
        self.pix_feat_proj = nn.Conv2d(d, d, 1)
        self.fuser = nn.Module()
        self.fuser.layers = nn.ModuleList(CxBlock(d) for _ in range(layers))
        self.out_proj = nn.Conv2d(d, m, 1)

    def forward(self, feature, value):
        x = self.pix_feat_proj(feature) + self.mask_downsampler.encoder(value)
        for layer in self.fuser.layers:
            x = layer(x)
        return self.out_proj(x)


# ---- the whole of SAM 2 ----------------------------------------------------------------------

class Sam2(nn.Module):
    def __init__(self, c):
        super().__init__()
        d, m = c["d_model"], c["mem_dim"]
        self.size, self.d, self.m = c["image_size"], d, m
        self.grid = self.size // 16
        self.image_encoder = nn.Module()
        self.image_encoder.trunk = Hiera(c["trunk"])
        e = c["trunk"]["embed_dim"]
        self.image_encoder.neck = Neck([e, 2 * e, 4 * e, 8 * e], d)
        self.sam_prompt_encoder = PromptEncoder(d, self.size)
        self.sam_mask_decoder = MaskDecoder(d, c["mask_decoder"])
        self.memory_attention = MemoryAttention(d, m, c["memory_attention"])
        self.memory_encoder = MemoryEncoder(d, m, c["memory_encoder"]["fuser_layers"])
        self.maskmem_tpos_enc = nn.Parameter(0.02 * torch.randn(c["num_maskmem"], 1, 1, m))
        self.no_mem_embed = nn.Parameter(0.02 * torch.randn(1, 1, d))
        self.no_obj_ptr = nn.Parameter(0.02 * torch.randn(1, d))
        self.mask_downsample = nn.Conv2d(1, 1, 4, 4)
        self.obj_ptr_proj = Mlp([d, d, d, d])
        g = self.grid
        self.register_buffer("pe_image", sine_pe(d, g, g).flatten(1).t()[None], False)
        self.register_buffer("pe_memory", sine_pe(m, g, g).flatten(1).t()[None], False)
        self.register_buffer("rope", rope_table(d, g), False)

    def encode(self, images):
        """Normalised images -> the neck's three maps, stride 4, 8, 16."""
        return self.image_encoder.neck(self.image_encoder.trunk(images))

    def skips(self, fpn):
        return self.sam_mask_decoder.conv_s0(fpn[0]), self.sam_mask_decoder.conv_s1(fpn[1])

    def without_memory(self, feature):
        return feature + self.no_mem_embed.reshape(1, -1, 1, 1)

    def decode(self, image, skips, coords=None, labels=None, mask=None, sound=None, tracked=False):
        """One pass. Without points: no sparse tokens, or with `tracked` the two stand-ins."""
        b = image.shape[0]
        sparse = None
        if tracked and coords is None:
            sparse = self.sam_prompt_encoder.not_a_point_embed.weight[None].expand(b, 2, -1)
        elif coords is not None:
            sparse = self.sam_prompt_encoder.points(coords, labels)
        dense = self.sam_prompt_encoder.dense(mask, b, self.grid)
        pe = self.sam_prompt_encoder.dense_pe(self.grid)
        return self.sam_mask_decoder(image, *skips, pe, sparse, dense, sound)

    def pick(self, out, multimask):
        """The chosen mask [B,1,..], its token, from the four; rule of the stability fall-back."""
        masks, iou, score, hs = out
        rows = torch.arange(masks.shape[0])
        best = 1 + iou[:, 1:].argmax(1)
        if multimask:
            return masks[rows, best][:, None], hs[rows, 2 + best], iou[rows, best]
        m0 = masks[:, 0].flatten(1)
        inside, around = (m0 > 0.05).sum(1), (m0 > -0.05).sum(1)
        stable = (inside >= 0.98 * around) | (around == 0)
        take = torch.where(stable, 0, best)
        return masks[rows, take][:, None], hs[:, 2], iou[rows, take]

    def pointer(self, token, appear):
        return torch.where(appear, self.obj_ptr_proj(token), self.no_obj_ptr)

    def remember(self, feature, low, appear=None, binary=False):
        """Memory [B,N,m] of low-resolution logits; an absent object is -1024 everywhere."""
        if appear is not None:
            low = torch.where(appear[:, :, None, None], low, torch.full((), -1024.0))
        high = F.interpolate(low, (self.size, self.size), mode="bilinear")
        value = 20 * ((high > 0).float() if binary else high.sigmoid()) - 10
        return self.memory_encoder(feature, value).flatten(2).transpose(1, 2)

    def recall(self, feature, spatial, pointers):
        """Memory attention. spatial: list of ([B,N,m], temporal index); pointers: list of [B,d]."""
        b, d, g, _ = feature.shape
        x = feature.flatten(2).transpose(1, 2) + 0.1 * self.pe_image
        memory = [s for s, _ in spatial]
        pos = [self.pe_memory + self.maskmem_tpos_enc[i] for _, i in spatial]
        memory = torch.cat(memory, 1)
        pos = torch.cat(pos, 1).expand(b, -1, -1)
        table_k = self.rope.tile(1, len(spatial), 1)
        if pointers:
            tokens = torch.cat([p.reshape(b, d // self.m, self.m) for p in pointers], 1)
            memory = torch.cat([memory, tokens], 1)
            pos = F.pad(pos, (0, 0, 0, tokens.shape[1]))
        x = self.memory_attention(x, memory, pos, self.rope, table_k)
        return x.transpose(1, 2).reshape(b, d, g, g)

    def from_mask(self, feature, skips, mask):
        """A user's mask [B,1,S,S] in {0,1} as the output: low-resolution logits and pointer."""
        low = F.interpolate(20 * mask - 10, scale_factor=0.25, mode="bilinear", antialias=True)
        prompt = self.mask_downsample(mask)
        out = self.decode(feature, skips, mask=prompt, tracked=True)
        _, token, _ = self.pick(out, False)
        some = mask.flatten(1).any(1, keepdim=True)
        return low, self.pointer(token, (out[2] > 0) & some), out
