"""
PyTorch on the CPU: variant `eager`; `channels-last`, which is that memory format; or `compile` (torch.compile of model and loss). Rows
are drawn by index from resident tensors.
"""

import time

import torch
from protocol import make_data, serve
from torch import nn
from torch_layers import Model, place


def build(request):
    torch.manual_seed(0)
    x, y = (torch.from_numpy(values) for values in make_data(request))
    model, x = place(Model(request["layers"]), x, request["variant"])
    y = y.long()
    batch = request["batchSize"]
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(parameters, request["learningRate"], eps=1e-7)
    cross_entropy = nn.CrossEntropyLoss()

    def loss_of(inputs, labels):
        return cross_entropy(model(inputs).flatten(0, -2), labels.flatten())

    forward = torch.compile(loss_of) if request["variant"] == "compile" else loss_of

    def step(rows):
        optimizer.zero_grad()
        loss = forward(x[rows], y[rows])
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, request["maxNorm"])
        optimizer.step()
        loss.item()

    def run(steps):
        begin = time.perf_counter()
        done = 0
        while done < steps:
            for rows in torch.randperm(len(x)).split(batch)[: steps - done]:
                step(rows)
                done += 1
        return (time.perf_counter() - begin) * 1000 / steps

    return run, sum(parameter.numel() for parameter in parameters)


serve(build)
