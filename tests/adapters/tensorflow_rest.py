"""What is left of an epoch of a dataset, on the real TensorFlow; run by `test_tensorflow_rest.py` in a process."""

from __future__ import annotations

import json
from typing import Any

import tensorflow as tf

import stepbridge as sb
from stepbridge.adapters.tensorflow import clock_for

SAMPLES = 103


def dataset(kind: str, size: int) -> tf.data.Dataset:
    samples = tf.data.Dataset.range(SAMPLES)
    if kind == "shuffled once":
        samples = samples.shuffle(SAMPLES, seed=3, reshuffle_each_iteration=False)
    if kind == "shuffled anew":
        samples = samples.shuffle(SAMPLES, seed=3)
    if kind == "mapped":
        samples = samples.map(lambda index: index)
    return samples.batch(size).prefetch(2)


def trained(clock: sb.StepClock, batches: tf.data.Dataset) -> list[int]:
    return [int(index) for _ in clock.epochs() for batch in clock.batches(clock.rest(batches)) for index in batch]


def resumed(kind: str, stop: int, size: int) -> dict[str, Any]:
    whole = [int(index) for batch in dataset(kind, 10) for index in batch]
    first = dataset(kind, 10)
    clock = clock_for(first, epochs=2, until=f"{stop}ba")
    seen = trained(clock, first)
    state = json.loads(json.dumps(clock.state_dict()))
    again = dataset(kind, size)
    clock = clock_for(again, epochs=2)
    clock.load_state_dict(state)
    seen += trained(clock, again)
    return {"right": seen == 2 * whole, "sample": clock.sample}


def refused() -> str:
    batches = dataset("shuffled anew", 10)
    clock = clock_for(batches, epochs=2, initial="3ba")
    clock.begin_epoch()
    try:
        clock.rest(batches)
    except sb.TimelineError as error:
        return str(error)
    return "taken"


if __name__ == "__main__":
    cases = [(kind, stop, size) for kind in ("plain", "mapped", "shuffled once") for stop, size in ((3, 10), (3, 7))]
    print(json.dumps({"resumed": [resumed(*case) for case in [*cases, ("plain", 14, 25)]], "refused": refused()}))  # noqa: T201
