"""The layers of an Espalier job spec as modules of PyTorch, channels first, and the model that they make."""

import torch
from torch import nn

ACTIVATIONS = {"linear": nn.Identity, "relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def width(spec):
    """Features or channels of the only input."""
    return spec["inputShapes"][0][-1]


def activated(layer, spec):
    return layer if spec["activation"] == "linear" else nn.Sequential(layer, ACTIVATIONS[spec["activation"]]())


def pooling(layer):
    def make(spec):
        if spec["padding"] == "same":
            raise ValueError("pooling with padding 'same' has no counterpart in torch")
        size = pair(spec["poolSize"])
        return layer(size, pair(spec["strides"]) if "strides" in spec else size)

    return make


def convolution(spec):
    """Strided, 'same' pads both sides alike, as is usual in torch: one pixel away from what Keras computes, at the same price."""
    size, strides = pair(spec["kernelSize"]), pair(spec["strides"])
    if spec["padding"] == "same" and any(extent % 2 == 0 for extent in size):
        raise ValueError("padding 'same' of an even window has no counterpart in torch")
    padding = tuple(extent // 2 for extent in size) if spec["padding"] == "same" else 0
    return activated(nn.Conv2d(width(spec), spec["filters"], size, strides, padding, bias=spec["useBias"]), spec)


def batch_normalization(spec):
    return nn.BatchNorm2d(width(spec), spec["epsilon"], 1 - spec["momentum"], spec["center"] and spec["scale"])


class Lstm(nn.Module):
    def __init__(self, spec):
        super().__init__()
        self.lstm = nn.LSTM(width(spec), spec["units"], bias=spec["useBias"], batch_first=True)
        self.is_sequence = spec["returnSequences"]
        if spec["useBias"]:  # torch adds up two biases, where one is trained elsewhere
            nn.init.zeros_(self.lstm.bias_hh_l0).requires_grad_(False)

    def forward(self, x):
        outputs, (last, _) = self.lstm(x)
        return outputs if self.is_sequence else last[0]


class GlobalAveragePooling(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


class Add(nn.Module):
    def forward(self, *inputs):
        return sum(inputs[1:], inputs[0])


LAYERS = {
    "dense": lambda spec: activated(nn.Linear(width(spec), spec["units"], spec["useBias"]), spec),
    "embedding": lambda spec: nn.Embedding(spec["inputSize"], spec["outputSize"]),
    "lstm": Lstm,
    "conv2d": convolution,
    "batch-normalization": batch_normalization,
    "max-pooling2d": pooling(nn.MaxPool2d),
    "average-pooling2d": pooling(nn.AvgPool2d),
    "global-average-pooling": lambda _: GlobalAveragePooling(),
    "flatten": lambda _: nn.Flatten(),
    "activation": lambda spec: ACTIVATIONS[spec["activation"]](),
    "add": lambda _: Add(),
}


class Model(nn.Module):
    """The layers as they are wired; the last gives the output."""

    def __init__(self, layers):
        super().__init__()
        self.wiring = [(spec["name"], spec["inputs"]) for spec in layers]
        self.layers = nn.ModuleDict({spec["name"]: LAYERS[spec["type"]](spec) for spec in layers})

    def forward(self, x):
        outputs = {"input": x}
        for name, inputs in self.wiring:
            x = outputs[name] = self.layers[name](*[outputs[source] for source in inputs])
        return x


def place(model, x, variant):
    """The model and its input, [batch, height, width, channels] if these are images, in the memory format that the variant names."""
    if x.ndim != 4:
        return model, x
    memory_format = torch.channels_last if variant == "channels-last" else torch.contiguous_format
    return model.to(memory_format=memory_format), x.permute(0, 3, 1, 2).contiguous(memory_format=memory_format)
