"""DLRM in PyTorch, as fast as we could make it on a CPU: what `compare.mjs` times pss against.

Reads one JSON object of settings from the command line, prints "ready", then answers each line "N" on standard
input with the milliseconds that N steps (or predictions) took.

Settings: model (the config's section), optimizer, dim, tableSizes, batchSize, precision (f32 | bf16), pass (train | inference),
embedding (original | robe), memorySize, chunkSize, gradient (dense | scatter), learningRate, threads.

original: one nn.EmbeddingBag(sparse=True) a table, sparse SGD. robe: all tables' lookups as one gather of chunks
from a strided view of M, where the public code calls one module a table and computes an index for every float.
Its gradient is one scatter_add over all of them, into a gradient of |M| floats that SGD then applies (dense), or
straight into M (scatter), which is the same for plain SGD and saves a pass over |M|.
"""

import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional

# Constants of the hash of the public ROBE code.
P, A, B, C = 2038074743, 871205356, 1825252241, 634329019


class RobeLookup(torch.autograd.Function):
    """[B, T, chunks] starts -> [B, T * D]; the gradient of M is one scatter_add."""

    @staticmethod
    def forward(ctx, memory, starts, chunk, rate, dtype):
        ctx.save_for_backward(memory, starts)
        ctx.chunk, ctx.rate = chunk, rate
        # Where M is smaller than what is looked up, rounding M costs less than rounding the lookups.
        source = memory.detach().to(dtype) if memory.numel() < starts.numel() * chunk else memory.detach()
        rows = source.unfold(0, chunk, 1)[starts.reshape(-1)].to(dtype)
        return rows.reshape(starts.shape[0], -1)

    @staticmethod
    def backward(ctx, dout):
        memory, starts = ctx.saved_tensors
        places = (starts.reshape(-1, 1) + torch.arange(ctx.chunk)).reshape(-1)
        flat = dout.reshape(-1).float()
        if ctx.rate is None:
            return torch.zeros_like(memory).scatter_add_(0, places, flat), None, None, None, None
        with torch.no_grad():
            memory.scatter_add_(0, places, flat * -ctx.rate)
        return None, None, None, None, None


class Dlrm(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s = s
        tables = len(s["tableSizes"])
        self.bottom = mlp([13, *s["model"]["bottomMlp"]], True)
        vectors = tables + 1
        pairs = torch.tril_indices(vectors, vectors, -1)
        self.register_buffer("pairs", pairs[0] * vectors + pairs[1])
        self.top = mlp([s["dim"] + vectors * (vectors - 1) // 2, *s["model"]["topMlp"]], False)
        if s["embedding"] == "original":
            self.tables = nn.ModuleList(
                nn.EmbeddingBag(size, s["dim"], mode="sum", sparse=True) for size in s["tableSizes"]
            )
        else:
            self.memory = nn.Parameter(torch.empty(s["memorySize"]).uniform_(-0.01, 0.01))
            sizes = torch.tensor(s["tableSizes"])
            self.register_buffer("offsets", torch.cumsum(sizes, 0) - sizes)
            self.register_buffer("chunks", torch.arange(-(-s["dim"] // s["chunkSize"])) * B + C)
        self.offsets_of_bags = torch.arange(s["batchSize"])

    def slots(self, ids):
        s = self.s
        if s["embedding"] == "original":
            return torch.stack(
                [table(ids[:, t], self.offsets_of_bags) for t, table in enumerate(self.tables)], 1
            )
        rows = (ids + self.offsets) * A
        starts = ((rows.unsqueeze(2) + self.chunks) % P) % (s["memorySize"] - s["chunkSize"] + 1)
        rate = s["learningRate"] if s["gradient"] == "scatter" and self.training else None
        dtype = torch.bfloat16 if s["precision"] == "bf16" else torch.float32
        slots = RobeLookup.apply(self.memory, starts, s["chunkSize"], rate, dtype)
        return slots.view(len(ids), -1, s["dim"])

    def forward(self, dense, ids):
        bottom = self.bottom(dense)
        vectors = torch.cat([bottom.unsqueeze(1), self.slots(ids).to(bottom.dtype)], 1)
        gram = torch.bmm(vectors, vectors.transpose(1, 2)).flatten(1)
        return self.top(torch.cat([bottom, gram.index_select(1, self.pairs)], 1)).squeeze(1)


def mlp(sizes, activate_last):
    layers = []
    for i in range(len(sizes) - 1):
        layers.append(nn.Linear(sizes[i], sizes[i + 1]))
        if activate_last or i + 2 < len(sizes):
            layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def batches(s, count):
    generator = torch.Generator().manual_seed(1)
    sizes = torch.tensor(s["tableSizes"], dtype=torch.float64)
    for _ in range(count):
        uniform = torch.rand(s["batchSize"], len(sizes), generator=generator, dtype=torch.float64)
        # The power law of pss's own benchmark rows, scattered over the table.
        ranks = (((sizes**-0.05 - 1) * uniform + 1) ** -20).long().clamp(min=1)
        ranks = torch.minimum(ranks, sizes.long())
        ids = ((ranks - 1) * 2654435761 + 12345) % sizes.long()
        labels = (torch.rand(s["batchSize"], generator=generator) < 0.25).float()
        yield torch.rand(s["batchSize"], 13, generator=generator), ids, labels


def build(s):
    if s["model"]["kind"] == "dlrm":
        return Dlrm(s)
    from deep_torch import Deep

    return Deep(s)


def main():
    s = json.loads(sys.argv[1])
    torch.manual_seed(1)
    torch.set_num_threads(s["threads"])
    model = build(s)
    training = s["pass"] == "train"
    model.train(training)
    if s["optimizer"] == "adam":
        optimizer = torch.optim.Adam(model.parameters(), lr=s["learningRate"], foreach=True)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=s["learningRate"])
    data = list(batches(s, 4))
    bf16 = s["precision"] == "bf16"

    def train_step(dense, ids, labels):
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = model(dense, ids)
        functional.binary_cross_entropy_with_logits(logits.float(), labels).backward()
        optimizer.step()

    def predict(dense, ids, _):
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            model(dense, ids)

    step = train_step if training else predict
    for batch in data[: s["warmUpSteps"]]:
        step(*batch)
    print("ready", flush=True)
    done = 0
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            step(*data[done % len(data)])
            done += 1
        print((time.perf_counter() - start) * 1000, flush=True)


if __name__ == "__main__":
    main()
