"""Two small trainings, in batches of 64 and of 512, each with a clock, and their losses against step and sample."""

from __future__ import annotations

import random
from typing import NamedTuple

from drawing import Picture

import stepbridge as sb

__all__ = ["axes"]

SAMPLES, EPOCHS, WEIGHTS = 2048, 2, 6
#: How far a step goes for one sample of its batch: a batch of 8 times the size goes 8 times as far.
RATE = 0.0002
EVERY = 512


class Evaluation(NamedTuple):
    """A loss, and what the clock had counted."""

    step: int
    sample: int
    loss: float


Sample = tuple[list[float], float]


def data(count: int, seed: int) -> list[Sample]:
    """Make samples of one linear relation."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        inputs = [chance.gauss(0, 1) for _ in range(WEIGHTS)]
        made.append((inputs, output([float(n + 1) for n in range(WEIGHTS)], inputs) + chance.gauss(0, 0.5)))
    return made


def output(weights: list[float], inputs: list[float]) -> float:
    """Return the output of a linear model, the same on every Python: `sum` is more precise in newer ones."""
    total = 0.0
    for weight, value in zip(weights, inputs, strict=True):
        total += weight * value
    return total


def loss(weights: list[float], samples: list[Sample]) -> float:
    """Return the mean squared error."""
    total = 0.0
    for inputs, target in samples:
        total += (output(weights, inputs) - target) ** 2
    return total / len(samples)


def training(size: int) -> list[Evaluation]:
    """Train a linear model in batches of a size, and evaluate it after each 512 samples."""
    samples, held_out = data(SAMPLES, seed=1), data(128, seed=2)
    weights = [0.0] * WEIGHTS
    clock = sb.StepClock(samples=SAMPLES, batch_size=size, epochs=EPOCHS)
    found = [Evaluation(0, 0, loss(weights, held_out))]
    batches = [samples[at : at + size] for at in range(0, SAMPLES, size)]
    for _ in clock.epochs():
        for batch in clock.batches(batches):
            slope = [0.0] * WEIGHTS
            for inputs, target in batch:
                error = output(weights, inputs) - target
                slope = [each + 2 * error * value for each, value in zip(slope, inputs, strict=True)]
            weights = [weight - RATE * each for weight, each in zip(weights, slope, strict=True)]
            if (clock.sample or 0) % EVERY == 0:
                found.append(Evaluation(clock.step, clock.sample or 0, loss(weights, held_out)))
    return found


def axes() -> Picture:
    """Draw both losses against the step, where they differ, and against the sample, where they do not."""
    runs = {"batch 64": ("epochs", training(64)), "batch 512": ("steps", training(512))}
    picture = Picture("The losses of two batch sizes differ against the step, and agree against the sample", 720)
    highest = max(each.loss for _, found in runs.values() for each in found)
    width, height, top = 300.0, 120.0, 40.0
    for left, axis in ((30.0, "step"), (390.0, "sample")):
        picture.text("text bold", left, 24, f"loss by {axis}")
        last = max(getattr(each, axis) for _, found in runs.values() for each in found)
        for kind, found in runs.values():
            points = [
                (left + getattr(each, axis) / last * width, top + height - each.loss / highest * height)
                for each in found
            ]
            picture.path(kind, points)
        picture.path("line", [(left, top), (left, top + height), (left + width, top + height)])
        picture.text("pale small", left, top + height + 16, "0")
        picture.text("pale small", left + width, top + height + 16, f"{axis} {last:,}", "end")
    for number, (name, (kind, _)) in enumerate(runs.items()):
        y = top + 12 + 18 * number
        picture.path(kind, [(220, y - 4), (240, y - 4)])
        picture.text("text small", 246, y, name)
    return picture
