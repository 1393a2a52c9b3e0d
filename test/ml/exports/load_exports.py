"""Loads exported models by the libraries that they are made for, and compares what they give with what Espalier gave.

    python load_exports.py FOLDER

Each subfolder of FOLDER holds case.safetensors with `input` and `expected`, and one or more of model.keras, saved-model.zip, model.onnx.
Prints one JSON object: {subfolder: {file: largest difference ÷ largest output, or an error}}.
"""

import json
import os
import sys
import tempfile
import zipfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import numpy as np
from safetensors.numpy import load_file


def load_keras(path):
    import keras

    model = keras.saving.load_model(path, compile=False)
    return lambda x: np.asarray(model(x, training=False))


def load_saved_model(path):
    import tensorflow as tf

    folder = tempfile.mkdtemp()
    zipfile.ZipFile(path).extractall(folder)
    loaded = tf.saved_model.load(folder)
    signature = loaded.signatures["serving_default"]
    signature.keep = loaded
    ((name, spec),) = signature.structured_input_signature[1].items()
    assert spec.shape[0] is None, f"the batch is fixed: {spec.shape}"
    return lambda x: signature(**{name: tf.constant(x)})["output_0"].numpy()


def load_onnx(path):
    import onnx
    import onnxruntime

    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (source,) = session.get_inputs()
    assert not isinstance(source.shape[0], int), f"the batch is fixed: {source.shape}"
    return lambda x: session.run(None, {source.name: x})[0]


LOADERS = {"model.keras": load_keras, "saved-model.zip": load_saved_model, "model.onnx": load_onnx}


def compare(folder, name):
    case = load_file(folder / "case.safetensors")
    run = LOADERS[name](str(folder / name))
    worst = 0.0
    # All examples, and one by itself: the batch is free.
    for rows in (slice(None), slice(0, 1)):
        found, expected = run(case["input"][rows]), case["expected"][rows]
        assert found.shape == expected.shape, f"{found.shape} instead of {expected.shape}"
        worst = max(worst, float(np.max(np.abs(found - expected)) / max(1e-30, np.max(np.abs(expected)))))
    return worst


def main():
    report = {}
    for folder in sorted(Path(sys.argv[1]).iterdir()):
        report[folder.name] = {}
        for name in LOADERS:
            if (folder / name).exists():
                try:
                    report[folder.name][name] = compare(folder, name)
                except Exception as error:
                    report[folder.name][name] = f"{type(error).__name__}: {error}"[:2000]
    print(json.dumps(report))


if __name__ == "__main__":
    main()
