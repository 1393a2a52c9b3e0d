"""Keras `fit` on TensorFlow: variant `plain`, or `jit` (jit_compile=True)."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
from protocol import ROWS, make_data, serve


def layer(spec):
    kind = spec["type"]
    if kind == "dense":
        return keras.layers.Dense(spec["units"], activation=spec["activation"], use_bias=spec["useBias"])
    if kind == "conv2d":
        return keras.layers.Conv2D(
            spec["filters"],
            spec["kernelSize"],
            strides=spec["strides"],
            padding=spec["padding"],
            activation=spec["activation"],
            use_bias=spec["useBias"],
        )
    if kind in ("max-pooling2d", "average-pooling2d"):
        pooling = keras.layers.MaxPooling2D if kind == "max-pooling2d" else keras.layers.AveragePooling2D
        return pooling(spec["poolSize"], strides=spec.get("strides"), padding=spec["padding"])
    if kind == "flatten":
        return keras.layers.Flatten()
    if kind == "activation":
        return keras.layers.Activation(spec["activation"])
    raise ValueError(f"no layer of type {kind}")


def build(request):
    model = keras.Sequential([keras.Input(request["inputShape"]), *[layer(spec) for spec in request["layers"]]])
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3, global_clipnorm=1.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=request["variant"] == "jit",
    )
    x, y = make_data(request["inputShape"])
    batch = request["batchSize"]

    def run(steps):
        rows = min(ROWS, steps * batch)
        epochs = steps * batch // rows
        if epochs * rows != steps * batch:
            raise ValueError(f"{steps} steps of {batch} are no whole number of passes over {ROWS} rows")
        model.fit(x[:rows], y[:rows], batch_size=batch, epochs=epochs, verbose=0)

    return run


serve(build)
