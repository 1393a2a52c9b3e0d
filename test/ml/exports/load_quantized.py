"""Reads weights-float16.safetensors and weights-int8.safetensors in FOLDER by safetensors and numpy alone, beside weights.safetensors.

    python load_quantized.py FOLDER

Prints one JSON object: how many tensors each has, those of float16 that are not what numpy rounds to, and the largest distance of an int8 weight from its own, in
scales of its column.
"""

import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

folder = Path(sys.argv[1])
weights = load_file(folder / "weights.safetensors")
halves = load_file(folder / "weights-float16.safetensors")
numbers = load_file(folder / "weights-int8.safetensors")

wrong = [
    name
    for name, values in weights.items()
    if halves[name].dtype != np.float16 or halves[name].tobytes() != values.astype(np.float16).tobytes()
]
farthest = 0.0
for name, values in weights.items():
    if f"{name}:scale" in numbers:
        assert numbers[name].dtype == np.int8 and numbers[name].shape == values.shape
        scale = numbers[f"{name}:scale"]
        distance = np.abs(numbers[name] * scale - values) / np.maximum(scale, 1e-30)
        farthest = max(farthest, float(np.max(distance)))
    else:
        assert np.array_equal(numbers[name], values)
print(json.dumps({"tensors": [len(halves), len(numbers)], "wrong": wrong, "farthest": farthest}))
