"""What is left of an epoch of a dataset, on the real TensorFlow; run by `test_tensorflow_rest.py` in a process."""

from __future__ import annotations

import json
import warnings
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


def resumed_with(before: tf.data.Dataset, after: tf.data.Dataset) -> list[str]:
    """What `rest` and a skip say of another dataset than the one that the epoch began with."""
    clock = clock_for(before, epochs=2, until="14ba")
    trained(clock, before)
    again = sb.StepClock(samples=SAMPLES, batch_size=10, epochs=2)
    again.load_state_dict(clock.state_dict())
    again.begin_epoch()
    said = []
    try:
        again.rest(after)
    except sb.TimelineError as error:
        said.append(str(error))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", sb.StepbridgeWarning)
        again.batches(after, resume="skip")
    return [*said, *(str(one.message) for one in caught if one.category is sb.StepbridgeWarning)]


def others() -> dict[str, list[str]]:
    """Datasets in another order, and with other samples."""
    samples = tf.data.Dataset.range(SAMPLES)
    once = [samples.shuffle(SAMPLES, seed=seed, reshuffle_each_iteration=False).batch(10) for seed in (3, 4)]
    anew = samples.shuffle(SAMPLES, seed=3).batch(10)
    return {
        "same": resumed_with(once[0], once[0]),
        "seed": resumed_with(once[0], once[1]),
        "shuffled now": resumed_with(samples.batch(10), once[0]),
        "anew": resumed_with(anew, anew),
        "other data": resumed_with(samples.batch(10), tf.data.Dataset.range(200).batch(10)),
    }


if __name__ == "__main__":
    cases = [(kind, stop, size) for kind in ("plain", "mapped", "shuffled once") for stop, size in ((3, 10), (3, 7))]
    answers = {"resumed": [resumed(*case) for case in [*cases, ("plain", 14, 25)]], "refused": refused()}
    print(json.dumps({**answers, "others": others()}))  # noqa: T201
