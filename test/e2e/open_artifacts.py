"""Opens the artifacts of a job by the libraries that they are made for.

    python open_artifacts.py FOLDER

FOLDER holds model.keras, saved-model.zip, model.onnx, weights.safetensors, and case.safetensors with `input`. Prints one JSON object: `outputs`, the
outputs of each model for the input, rows one after the other; `weights`, the number of weights that model.keras has; `different`, the names of
those that are not the same bits in weights.safetensors.
"""

import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "ml" / "exports"))

import keras
from load_exports import LOADERS
from safetensors.numpy import load_file


def keras_weights(path):
    """By the names of Espalier: `conv/kernel`, `norm/moving-mean`."""
    model = keras.saving.load_model(path, compile=False)
    return {
        f"{layer.name}/{weight.name.replace('_', '-')}": weight.numpy() for layer in model.layers for weight in layer.weights
    }


folder = Path(sys.argv[1])
rows = load_file(folder / "case.safetensors")["input"]
outputs = {name: load(str(folder / name))(rows).ravel().tolist() for name, load in LOADERS.items()}

stored, own = load_file(folder / "weights.safetensors"), keras_weights(folder / "model.keras")
different = [
    name
    for name in sorted(stored.keys() | own.keys())
    if name not in stored
    or name not in own
    or (stored[name].dtype, stored[name].shape) != (own[name].dtype, own[name].shape)
    or stored[name].tobytes() != own[name].tobytes()
]
print(json.dumps({"outputs": outputs, "weights": len(own), "different": different}))
