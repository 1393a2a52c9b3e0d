"""PyTorch on the CPU: variant `eager`, or `compile` (torch.compile of model and loss). Rows are drawn by index from resident tensors."""

import torch
from protocol import ROWS, make_data, serve
from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def activation(name):
    return [] if name == "linear" else [ACTIVATIONS[name]()]


def layers(spec):
    """Lazy layers take their input size from the first batch."""
    kind = spec["type"]
    if kind == "dense":
        return [nn.LazyLinear(spec["units"], bias=spec["useBias"]), *activation(spec["activation"])]
    if kind == "conv2d":
        convolution = nn.LazyConv2d(
            spec["filters"], pair(spec["kernelSize"]), pair(spec["strides"]), spec["padding"], bias=spec["useBias"]
        )
        return [convolution, *activation(spec["activation"])]
    if kind in ("max-pooling2d", "average-pooling2d"):
        if spec["padding"] == "same":
            raise ValueError("pooling with padding 'same' has no counterpart in torch")
        pooling = nn.MaxPool2d if kind == "max-pooling2d" else nn.AvgPool2d
        size = pair(spec["poolSize"])
        return [pooling(size, pair(spec["strides"]) if "strides" in spec else size)]
    if kind == "flatten":
        return [nn.Flatten()]
    if kind == "activation":
        return activation(spec["activation"])
    raise ValueError(f"no layer of type {kind}")


def build(request):
    torch.manual_seed(0)
    x, y = (torch.from_numpy(values) for values in make_data(request["inputShape"]))
    if x.ndim == 4:  # channels last in Espalier and Keras, channels first in torch
        x = x.permute(0, 3, 1, 2).contiguous()
    y = y.long()
    batch = request["batchSize"]
    model = nn.Sequential(*[part for spec in request["layers"] for part in layers(spec)])
    model(x[:batch])
    parameters = list(model.parameters())
    optimizer = torch.optim.Adam(parameters, 1e-3, eps=1e-7)
    cross_entropy = nn.CrossEntropyLoss()

    def loss_of(inputs, labels):
        return cross_entropy(model(inputs), labels)

    forward = torch.compile(loss_of) if request["variant"] == "compile" else loss_of

    def run(steps):
        done = 0
        while done < steps:
            for rows in torch.randperm(ROWS).split(batch)[: steps - done]:
                optimizer.zero_grad()
                loss = forward(x[rows], y[rows])
                loss.backward()
                nn.utils.clip_grad_norm_(parameters, 1.0)
                optimizer.step()
                loss.item()
                done += 1

    return run


serve(build)
