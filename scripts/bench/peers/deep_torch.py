"""The other five models in PyTorch, as fast as we could make them on a CPU; `dlrm_torch.py` runs them.

Settings beside those of dlrm_torch.py: model (the config's section), linearSize (floats of the first-order weights'
array), variant. The CIN's products over all pairs of maps go through conv1d as in the public code (`conv`), or
through a matrix product for each chunk of samples and components (`chunks`), whose pairs are made again in the
backward pass, so that they stay in the cache.
"""

import torch
from torch import nn
from torch.nn import functional

from dlrm_torch import A, B, C, P, RobeLookup, mlp


class HashedArray(nn.Module):
    """[B, T] ids -> [B, T, D], from one array for all tables."""

    def __init__(self, sizes, floats, dim, chunk):
        super().__init__()
        self.dim, self.chunk, self.floats = dim, chunk, floats
        self.memory = nn.Parameter(torch.empty(floats).uniform_(-0.01, 0.01))
        sizes = torch.tensor(sizes)
        self.register_buffer("offsets", torch.cumsum(sizes, 0) - sizes)
        self.register_buffer("chunks", torch.arange(-(-dim // chunk)) * B + C)

    def forward(self, ids):
        rows = (ids + self.offsets) * A
        starts = ((rows.unsqueeze(2) + self.chunks) % P) % (self.floats - self.chunk + 1)
        slots = RobeLookup.apply(self.memory, starts, self.chunk, None, torch.float32)
        return slots.view(len(ids), -1, self.dim)


class Cross(nn.Module):
    def __init__(self, size, layers):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(layers, size) * size**-0.5)
        self.bias = nn.Parameter(torch.zeros(layers, size))

    def forward(self, x0):
        x = x0
        for weight, bias in zip(self.weight, self.bias):
            x = torch.addcmul(x + bias, x0, (x @ weight).unsqueeze(1))
        return x


class Attention(nn.Module):
    def __init__(self, inputs, heads, dim):
        super().__init__()
        self.heads, self.dim = heads, dim
        self.project = nn.Linear(inputs, 4 * heads * dim, bias=False)

    def forward(self, e):
        q, k, v, r = self.project(e).chunk(4, 2)
        split = lambda x: x.unflatten(2, (self.heads, self.dim)).transpose(1, 2)
        weights = torch.softmax(split(q) @ split(k).transpose(2, 3), 3)
        return functional.relu((weights @ split(v)).transpose(1, 2).flatten(2) + r)


class ChunkedMaps(torch.autograd.Function):
    """(below [R, H], e [R, F], weight [N, H*F], bias [N]) -> [R, N], of pairs made CHUNK rows at a time."""

    CHUNK = 1024

    @staticmethod
    def pairs(below, e):
        return (below.unsqueeze(2) * e.unsqueeze(1)).flatten(1)

    @staticmethod
    def forward(ctx, below, e, weight, bias):
        ctx.save_for_backward(below, e, weight)
        out = torch.empty(len(e), len(weight), dtype=e.dtype)
        for r in range(0, len(e), ChunkedMaps.CHUNK):
            rows = slice(r, r + ChunkedMaps.CHUNK)
            torch.addmm(bias, ChunkedMaps.pairs(below[rows], e[rows]), weight.t(), out=out[rows])
        return out

    @staticmethod
    def backward(ctx, dout):
        below, e, weight = ctx.saved_tensors
        dbelow, de = torch.empty_like(below), torch.empty_like(e)
        dweight = torch.zeros(weight.shape)
        for r in range(0, len(e), ChunkedMaps.CHUNK):
            rows = slice(r, r + ChunkedMaps.CHUNK)
            x, y, d = below[rows], e[rows], dout[rows]
            dweight += d.t() @ ChunkedMaps.pairs(x, y)
            dpairs = (d @ weight).view(len(y), x.shape[1], -1)
            dbelow[rows] = torch.bmm(dpairs, y.unsqueeze(2)).squeeze(2)
            de[rows] = torch.bmm(x.unsqueeze(1), dpairs).squeeze(1)
        return dbelow, de, dweight.to(weight.dtype), dout.sum(0)


class Cin(nn.Module):
    def __init__(self, fields, sizes, variant):
        super().__init__()
        self.variant = variant
        self.layers, self.halves = nn.ModuleList(), []
        maps = fields
        for i, size in enumerate(sizes):
            self.layers.append(nn.Conv1d(maps * fields, size, 1))
            maps = size // 2
            self.halves.append(maps if i + 1 < len(sizes) else 0)
        self.outputs = sum(size - half for size, half in zip(sizes, self.halves))

    def forward(self, e):
        if torch.is_autocast_cpu_enabled():
            e = e.to(torch.bfloat16)  # so that pairs are made, kept and read in the format of their products
        if self.variant != "conv":
            e = e.transpose(1, 2).contiguous()  # [B, D, F]
        below, outputs = e, []
        for layer, half in zip(self.layers, self.halves):
            if self.variant == "conv":
                z = (below.unsqueeze(2) * e.unsqueeze(1)).flatten(1, 2)
                maps = functional.relu(layer(z))
                below = maps[:, :half]
                outputs.append(maps[:, half:].sum(2))
                continue
            rows = (x.reshape(-1, x.shape[2]) for x in (below, e))
            maps = ChunkedMaps.apply(*rows, layer.weight.squeeze(2).to(e.dtype), layer.bias.to(e.dtype))
            maps = functional.relu(maps.view(*e.shape[:2], -1))
            below = maps[:, :, :half]
            outputs.append(maps[:, :, half:].sum(1))
        return torch.cat(outputs, 1)


class Bilinear(nn.Module):
    def __init__(self, fields, dim):
        super().__init__()
        first, second = torch.triu_indices(fields, fields, 1)
        self.register_buffer("first", first)
        self.register_buffer("second", second)
        self.weight = nn.Parameter(torch.randn(len(first), dim, dim) * dim**-0.5)

    def forward(self, e):
        by_slot = e.transpose(0, 1)
        products = torch.bmm(by_slot[self.first], self.weight) * by_slot[self.second]
        return products.transpose(0, 1).flatten(1)


class Senet(nn.Module):
    def __init__(self, fields, ratio):
        super().__init__()
        inner = max(1, fields // ratio)
        self.weights = nn.Sequential(
            nn.Linear(fields, inner, bias=False), nn.ReLU(), nn.Linear(inner, fields, bias=False), nn.ReLU()
        )

    def forward(self, e):
        return e * self.weights(e.mean(2)).unsqueeze(2)


class Deep(nn.Module):
    def __init__(self, s):
        super().__init__()
        model, tables, dim = s["model"], len(s["tableSizes"]), s["dim"]
        self.kind = model["kind"]
        self.embedding = HashedArray(s["tableSizes"], s["memorySize"], dim, s["chunkSize"])
        self.first_order = HashedArray(s["tableSizes"], s["linearSize"], 1, 1)
        self.dense = nn.Linear(13, 1)
        inputs, behind = tables * dim + 13, model["mlp"][-1]
        if self.kind == "dcn":
            self.own = Cross(inputs, model["crossLayers"])
            behind += inputs
        elif self.kind == "autoint":
            size = model["heads"] * model["attentionDim"]
            sizes = [dim] + [size] * model["attentionLayers"]
            layers = [Attention(i, model["heads"], model["attentionDim"]) for i in sizes[:-1]]
            self.own = nn.Sequential(*layers)
            behind += tables * size
        elif self.kind == "xdeepfm":
            self.own = Cin(tables, model["cinLayers"], s["variant"])
            self.own_term = nn.Linear(self.own.outputs, 1, bias=False)
        elif self.kind == "fibinet":
            self.senet, self.own = Senet(tables, model["reductionRatio"]), Bilinear(tables, dim)
            inputs = tables * (tables - 1) * dim + 13
        self.mlp = mlp([inputs, *model["mlp"]], True)
        self.term = nn.Linear(behind, 1, bias=False)

    def forward(self, dense, ids):
        e = self.embedding(ids)
        logit = self.first_order(ids).sum(1) + self.dense(dense)
        if self.kind == "fibinet":
            u = torch.cat([self.own(self.senet(e)), self.own(e), dense], 1)
            return (logit + self.term(self.mlp(u))).squeeze(1)
        u = torch.cat([e.flatten(1), dense], 1)
        deep = self.mlp(u)
        if self.kind == "dcn":
            deep = torch.cat([self.own(u), deep], 1)
        elif self.kind == "autoint":
            deep = torch.cat([self.own(e).flatten(1), deep], 1)
        elif self.kind == "deepfm":
            logit = logit + 0.5 * (e.sum(1).square() - e.square().sum(1)).sum(1, keepdim=True)
        elif self.kind == "xdeepfm":
            logit = logit + self.own_term(self.own(e))
        return (logit + self.term(deep)).squeeze(1)
