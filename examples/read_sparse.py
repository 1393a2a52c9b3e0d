"""Reads weights.sparse without Espalier, and compares it with weights.safetensors, bit by bit.

    pip install numpy
    python examples/read_sparse.py weights.sparse weights.safetensors

The layout: docs/formats.md. Exit code 1 if the two files do not hold the same weights.
"""

import json
import sys

import numpy as np

TYPES = {"F32": "<f4", "I32": "<i4", "U8": "u1", "U16": "<u2", "U32": "<u4"}


def read_safetensors(path):
    with open(path, "rb") as file:
        header, data = json.loads(file.read(int.from_bytes(file.read(8), "little"))), file.read()
    metadata = header.pop("__metadata__", {})
    return {k: np.frombuffer(data[slice(*e["data_offsets"])], TYPES[e["dtype"]]).reshape(e["shape"]) for k, e in header.items()}, metadata


def unpack(values, parts, encoding, shape, axis=0, n=0, m=1):
    if encoding == "bitmap":
        flat = np.zeros(int(np.prod(shape)), values.dtype)
        flat[np.unpackbits(parts["bitmap"], bitorder="little", count=flat.size).astype(bool)] = values
    elif encoding == "csr":
        flat = np.zeros((len(parts["row-pointers"]) - 1, shape[-1] if shape else 1), values.dtype)
        flat[np.repeat(np.arange(len(flat)), np.diff(parts["row-pointers"].astype(int))), parts["columns"]] = values
    else:  # n-of-m
        bits = np.unpackbits(parts["positions"], bitorder="little", count=values.size * (m.bit_length() - 1))
        groups = np.zeros((values.size // n, m), values.dtype)
        np.put_along_axis(groups, (bits.reshape(values.size, -1) @ (1 << np.arange(m.bit_length() - 1))).reshape(-1, n), values.reshape(-1, n), 1)
        return np.moveaxis(groups.reshape(shape[:axis] + shape[axis + 1 :] + [shape[axis]]), -1, axis)
    return flat.reshape(shape)


def read_sparse(path):
    stored, metadata = read_safetensors(path)
    assert metadata["format"] == "espalier-sparse-2", f"{path} is not of the format espalier-sparse-2"
    tensors = {name: part for name, part in stored.items() if ":" not in name}
    for name, how in [(key[9:], json.loads(text)) for key, text in metadata.items() if key.startswith("encoding:")]:
        parts = {key.removeprefix(f"{name}:"): part for key, part in stored.items() if key.startswith(f"{name}:")}
        tensors[name] = unpack(parts["values"], parts, **how)
    return tensors


if len(sys.argv) != 3:
    raise SystemExit(__doc__)
sparse, (dense, _) = read_sparse(sys.argv[1]), read_safetensors(sys.argv[2])
equal = sparse.keys() == dense.keys() and all(sparse[k].shape == v.shape and sparse[k].tobytes() == v.tobytes() for k, v in dense.items())
print(f"{len(sparse)} tensors, {sum(v.size for v in sparse.values()):,} numbers, {'equal' if equal else 'NOT equal'}")
sys.exit(0 if equal else 1)
