"""What the peers share: JSON lines on stdin and stdout, and the data.

A request of the training step is {"model": NAME, "variant": NAME, "inputShape": [...], "layers": [...], "data": {...}, "batchSize": N, "learningRate": X,
"maxNorm": X, "steps": N}, with the layers of an Espalier job spec, each with its name, the names of its inputs and their shapes. The
answer is {"ms": MS_PER_STEP, "parameters": NUMBERS_TRAINED} or {"error": TEXT}. A model is built, compiled and warmed up when it is
first asked for; that time is not measured.
"""

import functools
import json
import sys

import numpy as np


def make_data(request):
    """The numbers do not matter, only their shape: uniform pixels or ids, and classes or tokens, from one seed."""
    data = request["data"]
    return draw(data["rows"], tuple(request["inputShape"]), data["vocabulary"], tuple(data["labelShape"]), data["outputs"])


@functools.cache
def draw(rows, input_shape, vocabulary, label_shape, outputs):
    rng = np.random.default_rng(0)
    x_shape, y_shape = (rows, *input_shape), (rows, *label_shape)
    x = rng.random(x_shape, np.float32) if vocabulary is None else rng.integers(0, vocabulary, x_shape, np.int32)
    return x, rng.integers(0, outputs, y_shape, np.int32)


def serve(build):
    """`build(request)` returns a function from a number of steps to the milliseconds of one, and the number of parameters they train."""
    built = {}

    def answer(request):
        key = (request["model"], request["variant"])
        if key not in built:
            built[key] = build(request)
            built[key][0](request["steps"])
        run, parameters = built[key]
        return {"ms": run(request["steps"]), "parameters": parameters}

    answer_all(answer)


def answer_all(answer):
    """`answer(request)` returns what is sent back, or raises."""
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        try:
            found = answer(json.loads(line))
        except Exception as error:  # the peer goes on with its other models, and the bench prints what was wrong with this one
            found = {"error": f"{type(error).__name__}: {error}"[:500]}
        print(json.dumps(found), file=answers, flush=True)
