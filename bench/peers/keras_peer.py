"""Keras `fit` on TensorFlow: variant `plain`, or `jit` (jit_compile=True)."""

import os
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
from protocol import make_data, serve

L = keras.layers


def pooling(layer):
    return lambda spec: layer(spec["poolSize"], strides=spec.get("strides"), padding=spec["padding"])


LAYERS = {
    "dense": lambda spec: L.Dense(spec["units"], activation=spec["activation"], use_bias=spec["useBias"]),
    "embedding": lambda spec: L.Embedding(spec["inputSize"], spec["outputSize"]),
    "lstm": lambda spec: L.LSTM(
        spec["units"],
        activation=spec["activation"],
        recurrent_activation=spec["recurrentActivation"],
        use_bias=spec["useBias"],
        return_sequences=spec["returnSequences"],
        go_backwards=spec["goBackwards"],
    ),
    "conv2d": lambda spec: L.Conv2D(
        spec["filters"],
        spec["kernelSize"],
        strides=spec["strides"],
        padding=spec["padding"],
        activation=spec["activation"],
        use_bias=spec["useBias"],
    ),
    "batch-normalization": lambda spec: L.BatchNormalization(
        momentum=spec["momentum"], epsilon=spec["epsilon"], center=spec["center"], scale=spec["scale"]
    ),
    "max-pooling2d": pooling(L.MaxPooling2D),
    "average-pooling2d": pooling(L.AveragePooling2D),
    "global-average-pooling": lambda _: L.GlobalAveragePooling2D(),
    "flatten": lambda _: L.Flatten(),
    "activation": lambda spec: L.Activation(spec["activation"]),
    "add": lambda _: L.Add(),
}


def connect(request):
    """The functional model of the layers; the last gives its output."""
    first = keras.Input(request["inputShape"], dtype="float32" if request["data"]["vocabulary"] is None else "int32")
    outputs = {"input": first}
    for spec in request["layers"]:
        inputs = [outputs[name] for name in spec["inputs"]]
        output = LAYERS[spec["type"]](spec)(inputs if len(inputs) > 1 else inputs[0])
        outputs[spec["name"]] = output
    return keras.Model(first, output)


class Clock(keras.callbacks.Callback):
    """From the end of the first step to the end of the last: what `fit` does once, such as filling its pipeline, takes as long as ten steps."""

    def on_train_batch_end(self, batch, logs=None):
        self.end = time.perf_counter()
        if batch == 0:
            self.begin = self.end
        self.steps = batch

    def milliseconds(self):
        return (self.end - self.begin) * 1000 / self.steps


def build(request):
    model = connect(request)
    model.compile(
        optimizer=keras.optimizers.Adam(request["learningRate"], global_clipnorm=request["maxNorm"]),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=request["variant"] == "jit",
    )
    x, y = make_data(request)
    batch = request["batchSize"]

    def run(steps):
        rows = steps * batch
        if rows > len(x):
            raise ValueError(f"{steps} steps of {batch} are more than one pass over {len(x)} rows")
        clock = Clock()
        model.fit(x[:rows], y[:rows], batch_size=batch, verbose=0, callbacks=[clock])
        return clock.milliseconds()

    return run, sum(int(weight.value.shape.num_elements()) for weight in model.trainable_weights)


serve(build)
