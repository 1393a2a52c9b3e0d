"""What both peers share: JSON lines on stdin and stdout, and the data.

A request is {"model": NAME, "variant": NAME, "inputShape": [...], "layers": [...], "data": {...}, "batchSize": N, "learningRate": X,
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
    answers, sys.stdout = sys.stdout, sys.stderr
    built = {}
    for line in sys.stdin:
        request = json.loads(line)
        key = (request["model"], request["variant"])
        try:
            if key not in built:
                built[key] = build(request)
                built[key][0](request["steps"])
            run, parameters = built[key]
            answer = {"ms": run(request["steps"]), "parameters": parameters}
        except Exception as error:  # the peer goes on with its other models, and the bench prints what was wrong with this one
            answer = {"error": f"{type(error).__name__}: {error}"[:500]}
        print(json.dumps(answer), file=answers, flush=True)
