"""Reads weights.sparse without Espalier, and compares it with weights.safetensors.

    pip install numpy safetensors
    python examples/read_sparse.py weights.sparse weights.safetensors

The layout: docs/formats.md. Exit code 1 if the two files do not hold the same weights.
"""

import json
import sys

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file


def read_sparse(path):
    """Tensors by name. `w` is stored as it is, or as `w:bitmap` and `w:values` with its shape in the metadata."""
    with safe_open(path, "np") as file:
        stored = {name: file.get_tensor(name) for name in file.keys()}
        metadata = file.metadata()
    if metadata["format"] != "espalier-sparse-1":
        raise SystemExit(f"{path} is not of the format espalier-sparse-1")
    tensors = {name: values for name, values in stored.items() if ":" not in name}
    for name in [name.removesuffix(":bitmap") for name in stored if name.endswith(":bitmap")]:
        shape, values = json.loads(metadata[f"shape:{name}"]), stored[f"{name}:values"]
        present = np.unpackbits(stored[f"{name}:bitmap"], bitorder="little", count=int(np.prod(shape))).astype(bool)
        tensors[name] = np.zeros(present.size, values.dtype)
        tensors[name][present] = values
        tensors[name] = tensors[name].reshape(shape)
    return tensors


if len(sys.argv) != 3:
    raise SystemExit(__doc__)
sparse, dense = read_sparse(sys.argv[1]), load_file(sys.argv[2])
equal = sparse.keys() == dense.keys() and all(np.array_equal(sparse[name], dense[name]) for name in dense)
print(f"{len(sparse)} tensors, {sum(v.size for v in sparse.values()):,} numbers, {'equal' if equal else 'NOT equal'}")
sys.exit(0 if equal else 1)
