"""What both peers share: JSON lines on stdin and stdout, the data, and the clock.

A request is {"model": NAME, "variant": NAME, "inputShape": [...], "layers": [...], "batchSize": N, "steps": N}, with the layers of
an Espalier job spec. The answer is {"ms": MS_PER_STEP} or {"error": TEXT}. A model is built, compiled and warmed up when it is
first asked for; that time is not measured.
"""

import json
import sys
import time

import numpy as np

ROWS = 51_200


def make_data(shape):
    """The numbers do not matter, only their shape: uniform pixels and labels of ten classes, from one seed."""
    rng = np.random.default_rng(0)
    return rng.random((ROWS, *shape), dtype=np.float32), rng.integers(0, 10, ROWS, dtype=np.int32)


def serve(build):
    """`build(request)` returns a function that runs a number of steps; one request is answered at a time."""
    answers, sys.stdout = sys.stdout, sys.stderr
    runners = {}
    for line in sys.stdin:
        request = json.loads(line)
        key = (request["model"], request["variant"])
        try:
            if key not in runners:
                runners[key] = build(request)
                runners[key](request["steps"])
            begin = time.perf_counter()
            runners[key](request["steps"])
            answer = {"ms": (time.perf_counter() - begin) * 1000 / request["steps"]}
        except Exception as error:  # the peer goes on with its other models, and the bench prints what was wrong with this one
            answer = {"error": f"{type(error).__name__}: {error}"[:500]}
        print(json.dumps(answer), file=answers, flush=True)
