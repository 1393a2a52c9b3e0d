"""
Torch-Pruning on the CPU: every layer but the last loses a share of its output channels, by magnitude (L2), each group of coupled layers by
itself. Variants are those of the memory format, as in torch_peer.py.

A request is {"model": NAME, "variant": NAME, "inputShape": [...], "layers": [...], "sparsity": X, "batches": [N, ...], "rounds": N}. The answer is
{"parameters": BOTH, "macs": BOTH, "latency": [{"batch": N, "dense": [MS, ...], "compact": [MS, ...]}, ...]}, BOTH being {"dense": N, "compact":
N} as Torch-Pruning counts them and MS milliseconds a call, one a round, in which both take turns.
"""

import copy
import math
import time

import torch
import torch_pruning as tp
from protocol import answer_all
from torch_layers import Model, place

# As in src/ml/latency.ts.
WARM_UPS = 3
ROUND_MS = 5
MAX_CALLS = 200


def prune(dense, example, request):
    """A smaller copy."""
    compact = copy.deepcopy(dense)
    pruner = tp.pruner.MagnitudePruner(
        compact,
        example,
        importance=tp.importance.MagnitudeImportance(p=2),
        pruning_ratio=request["sparsity"],
        ignored_layers=[compact.layers[request["layers"][-1]["name"]]],
    )
    pruner.step()
    return compact


def milliseconds(call, calls):
    begin = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - begin) * 1000 / calls


def timer(call):
    """Milliseconds a call, over as many calls as fill a round."""
    for _ in range(WARM_UPS):
        call()
    calls = min(MAX_CALLS, max(1, math.ceil(ROUND_MS / milliseconds(call, 1))))
    return lambda: milliseconds(call, calls)


def latency(dense, compact, x, batch, rounds):
    rows = torch.arange(batch)
    with torch.inference_mode():
        timers = [timer(lambda model=model: model(x[rows]).numpy()) for model in (dense, compact)]
        times = [[measure() for measure in timers] for _ in range(rounds)]
    return {"batch": batch, "dense": [a for a, _ in times], "compact": [b for _, b in times]}


def answer(request):
    torch.manual_seed(0)
    x = torch.rand(max(request["batches"]), *request["inputShape"])
    dense = Model(request["layers"]).eval()
    example = place(dense, x[:1], "contiguous")[1]
    models = [dense, prune(dense, example, request)]
    counts = [tp.utils.count_ops_and_params(model, example) for model in models]
    placed = [place(model, x, request["variant"]) for model in models]
    (dense, x), (compact, _) = placed
    return {
        "macs": dict(zip(("dense", "compact"), (int(macs) for macs, _ in counts))),
        "parameters": dict(zip(("dense", "compact"), (int(parameters) for _, parameters in counts))),
        "latency": [latency(dense, compact, x, batch, request["rounds"]) for batch in request["batches"]],
    }


answer_all(answer)
