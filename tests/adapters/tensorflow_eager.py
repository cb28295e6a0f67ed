"""Custom loops of TF2: what the clock stated and what was counted next to it, for test_tensorflow_loops.py."""

from __future__ import annotations

import itertools
import json
import tempfile
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

import stepbridge as sb
from adapters.tensorflow_worker import refusal, run, warned
from stepbridge.adapters.tensorflow import clock_for, follow, watch


class Model:
    """A weight whose changes are seen, and a count of the samples that passed."""

    def __init__(self, optimizer: Any = None) -> None:
        self.weight = tf.Variable(1.0)
        self.samples = tf.Variable(0, dtype=tf.int64)
        self.gradient = tf.Variable(0.0)
        self.optimizer = optimizer or keras.optimizers.SGD(0.01)
        self.optimizer.build([self.weight])
        self.changes = 0

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def _train(self, batch: Any, apply: Any) -> None:
        self.samples.assign_add(tf.shape(batch, out_type=tf.int64)[0])
        self.gradient.assign_add(1.0)
        if apply:
            self.optimizer.apply_gradients([(self.gradient.read_value(), self.weight)])
            self.gradient.assign(0.0)

    def train(self, batch: Any, *, apply: bool = True) -> None:
        before = self.weight.numpy()
        self._train(batch, tf.constant(apply))
        self.changes += int(self.weight.numpy() != before)

    def seen(self) -> list[int]:
        """The framework's count of updates, the weight's changes, the samples that passed."""
        return [int(self.optimizer.iterations.numpy()), self.changes, int(self.samples.numpy())]


def at(clock: sb.StepClock) -> list[int | None]:
    return [clock.epoch, clock.iter, clock.step, clock.batch, clock.sample]


def loop(clock: sb.StepClock, dataset: Any, model: Model, epochs: int | None = None) -> list[list[Any]]:
    rows = []
    for _ in clock.epochs(epochs):
        for batch in clock.batches(dataset):
            model.train(batch, apply=clock.closes_step)
            rows.append([at(clock), model.seen()])
    return rows


def uniform() -> Any:
    dataset = tf.data.Dataset.range(1000).batch(200)
    clock, model = clock_for(dataset, epochs=5), Model()
    watch(clock, model.optimizer)
    return loop(clock, dataset, model)


def partial() -> Any:
    dataset = tf.data.Dataset.range(10).batch(4).prefetch(1)
    return loop(clock_for(dataset, epochs=3), dataset, Model())


def dropped() -> Any:
    dataset = tf.data.Dataset.range(10).batch(4, drop_remainder=True)
    return loop(clock_for(dataset, epochs=3), dataset, Model())


def unknown() -> Any:
    dataset = tf.data.Dataset.range(20).filter(lambda x: x % 2 == 0).batch(4)
    clock = clock_for(dataset)
    rows = loop(clock, dataset, Model(), epochs=3)
    return {"rows": rows, "epochs": clock.timeline.index(2, 0, "batch"), "position": list(clock.position)}


def unknown_accumulating() -> Any:
    dataset = tf.data.Dataset.range(28).filter(lambda x: x >= 0).batch(4)
    clock = clock_for(dataset, accumulate=3)
    return loop(clock, dataset, Model(), epochs=2)


def endless() -> Any:
    dataset = tf.data.Dataset.range(10).repeat().batch(4)
    refused = refusal(lambda: clock_for(dataset, epochs=2))
    clock, model, iterator = clock_for(dataset, batches_per_epoch=3, epochs=2), Model(), iter(dataset)
    rows = []
    for _ in clock.epochs():
        for batch in clock.batches(itertools.islice(iterator, 3)):
            model.train(batch)
            rows.append([at(clock), model.seen()])
    stopped = clock_for(dataset, until="5st")
    return {"refused": refused, "rows": rows, "until": len(loop(stopped, dataset, Model())), "end": stopped.finished}


def datasets() -> Any:
    """What clock_for says of a dataset, next to what one pass over it gives."""
    numbers = tf.data.Dataset.range(10)
    plain, full = numbers.batch(4), numbers.batch(4, drop_remainder=True)
    cases = {
        "batch": plain,
        "drop_remainder": full,
        "parallel": numbers.batch(4, num_parallel_calls=2),
        "padded": numbers.padded_batch(4),
        "prefetch": plain.prefetch(2),
        "map": plain.map(tf.negative),
        "parallel map": plain.map(tf.negative, num_parallel_calls=2).cache().prefetch(1),
        "options": plain.with_options(tf.data.Options()),
        "shuffled": plain.shuffle(3),
        "shuffled, full": full.shuffle(3),
        "taken": plain.take(2),
        "taken, full": full.take(1),
        "repeated": plain.repeat(2),
        "repeated before": numbers.repeat(2).batch(4),
        "filtered": plain.filter(lambda batch: batch[0] < 8),
        "filtered, full": full.filter(lambda batch: batch[0] < 4),
        "filtered before": numbers.filter(lambda x: x < 9).batch(4),
        "generator": tf.data.Dataset.from_generator(
            lambda: iter(range(9)), output_signature=tf.TensorSpec([], tf.int64)
        ).batch(4),
        "rebatched": plain.rebatch(2),
        "asserted": numbers.filter(lambda x: x < 9).batch(4).apply(tf.data.experimental.assert_cardinality(3)),
        "features": tf.data.Dataset.from_tensor_slices({"x": tf.ones([10, 3]), "y": tf.ones([10])}).batch(4),
        "not batched": tf.data.Dataset.from_tensor_slices(tf.ones([10, 3])),
        "unbatched": plain.unbatch(),
    }
    rows = {}
    for name, dataset in cases.items():
        (stated,) = clock_for(dataset, epochs=1).timeline.segments
        sizes = [int(tf.shape(tf.nest.flatten(batch)[0])[0]) if batch_like(batch) else 1 for batch in dataset]
        rows[name] = {
            "stated": [stated.batches, stated.batch_size, stated.last_batch_size, stated.samples],
            "seen": sizes,
        }
    return rows


def batch_like(batch: Any) -> bool:
    return bool(tf.nest.flatten(batch)[0].shape.rank)


def refused_datasets() -> Any:
    graph = tf.Graph()
    with graph.as_default():
        in_a_graph = refusal(lambda: clock_for(tf.data.Dataset.range(4).batch(2)))
    return {
        "empty": refusal(lambda: clock_for(tf.data.Dataset.range(3).batch(4, drop_remainder=True))),
        "a list": refusal(lambda: clock_for([1, 2])),
        "a graph": in_a_graph,
        "sizes given": str(clock_for(tf.data.Dataset.range(8).batch(4).take(2), batch_size=4, epochs=1).timeline),
        "contradiction": refusal(lambda: clock_for(tf.data.Dataset.range(8).batch(4), batches_per_epoch=3)),
    }


def accumulated() -> Any:
    dataset = tf.data.Dataset.range(14).batch(2)
    rows = {}
    for boundary in ("flush", "carry", "drop"):
        clock = clock_for(dataset, epochs=2, accumulate=3, boundary=boundary)
        model = Model()
        watch(clock, model.optimizer)
        rows[boundary] = loop(clock, dataset, model)
    return rows


def keras_accumulates() -> Any:
    """The optimizer's own accumulation carries over the end of an epoch."""
    dataset = tf.data.Dataset.range(14).batch(2)
    clock = clock_for(dataset, epochs=2, accumulate=3, boundary="carry")
    model = Model(keras.optimizers.SGD(0.01, gradient_accumulation_steps=3))
    watched = watch(clock, model.optimizer)
    rows = []
    for _ in clock.epochs():
        for batch in clock.batches(dataset):
            model.train(batch)
            rows.append([clock.step, int(model.optimizer.iterations), model.changes])
    return {"rows": rows, "applied": [clock.applied, watched.applied]}


def scaled(*, traced: bool) -> Any:
    gradients = [1.0, float("inf"), 1.0, float("nan"), 1.0, float("inf"), float("inf"), 1.0]
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), initial_scale=2.0)
    weight = tf.Variable(1.0)
    optimizer.build([weight])

    def train(gradient: Any) -> None:
        optimizer.apply_gradients([(gradient, weight)])

    step = tf.function(train) if traced else train
    root = tempfile.mkdtemp()
    clock = sb.StepClock(batches_per_epoch=4, epochs=2, ledger=root)
    watched = watch(clock, optimizer)
    rows, changes = [], 0
    data = iter(gradients)
    for _ in clock.epochs():
        for gradient in clock.batches(itertools.islice(data, 4)):
            before = weight.numpy()
            step(tf.constant(gradient))
            changes += int(weight.numpy() != before)
            watched.sync()
            rows.append([clock.step, clock.applied, watched.applied, changes, int(optimizer.iterations)])
    lines = map(json.loads, (Path(root) / "stepclock.jsonl").read_text(encoding="utf-8").splitlines())
    return {"rows": rows, "skipped": [line["skipped"] for line in lines if line["kind"] == "epoch"]}


def scaled_eagerly() -> Any:
    return scaled(traced=False)


def scaled_in_a_function() -> Any:
    return scaled(traced=True)


def scaled_without_sync() -> Any:
    """What the two-line use knows in the body, and after the loop."""
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), initial_scale=2.0)
    weight = tf.Variable(1.0)
    optimizer.build([weight])
    clock = sb.StepClock(batches_per_epoch=4, epochs=1)
    watch(clock, optimizer)
    inside = []
    for _ in clock.epochs():
        for gradient in clock.batches([1.0, float("inf"), 1.0, float("inf")]):
            inside.append(clock.applied)
            optimizer.apply_gradients([(tf.constant(gradient), weight)])
    return {"inside": inside, "after": [clock.step, clock.applied, clock.updates_of("optimizer")]}


def disagreements() -> Any:
    dataset = tf.data.Dataset.range(8).batch(2)
    found: dict[str, Any] = {}

    def turn(name: str, apply: Any, clock: sb.StepClock | None = None, model: Model | None = None) -> None:
        clock, model = clock or clock_for(dataset, epochs=2), model or Model()
        watched = watch(clock, model.optimizer)
        with warned() as texts:
            for _ in clock.epochs():
                for batch in clock.batches(dataset):
                    apply(clock, model, batch)
        found[name] = {
            "warned": texts,
            "counts": [clock.step, clock.applied, watched.applied],
            "seen": model.seen()[:2],
        }

    def once(_: Any, model: Model, batch: Any) -> None:
        model.train(batch)

    def forgotten(clock: sb.StepClock, model: Model, batch: Any) -> None:
        if clock.batch != 3:
            model.train(batch)

    def twice(clock: sb.StepClock, model: Model, batch: Any) -> None:
        model.train(batch)
        if clock.batch == 3:
            model.train(batch)

    def set_back(clock: sb.StepClock, model: Model, batch: Any) -> None:
        model.train(batch)
        if clock.batch == 5:
            model.optimizer.iterations.assign(0)

    turn("once", once)
    turn("forgotten", forgotten)
    turn("twice", twice)
    turn("set back", set_back)
    turn("every batch", once, clock_for(dataset, epochs=2, accumulate=2))
    trained = Model()
    trained.optimizer.iterations.assign(500)
    turn("ahead", once, model=trained)
    trained = Model()
    trained.optimizer.iterations.assign(4)
    turn("adopted", once, clock_for(dataset, epochs=2, initial="4st"), trained)
    turn("not restored", once, clock_for(dataset, epochs=2, initial="4st"))
    return found


def two_optimizers() -> Any:
    """A discriminator that is trained in every batch, and a generator in every second one."""
    dataset = tf.data.Dataset.range(12).batch(2)
    clock, discriminator, generator = clock_for(dataset, epochs=2), Model(), Model()
    watched = watch(clock, discriminator.optimizer), watch(clock, generator.optimizer, "generator")
    with warned() as texts:
        for _ in clock.epochs():
            for batch in clock.batches(dataset):
                if clock.batch != 5:
                    discriminator.train(batch)
                if clock.iter % 2:
                    generator.train(batch)
    counts = [clock.updates_of("optimizer"), clock.updates_of("generator"), clock.applied, clock.step]
    again = refusal(lambda: watch(clock, generator.optimizer))
    taken = refusal(lambda: watch(clock, Model().optimizer, "generator"))
    return {
        "counts": counts,
        "seen": [discriminator.changes, generator.changes],
        "handles": [one.applied for one in watched],
        "again": again,
        "taken": taken,
        "third": watch(clock, Model().optimizer).name,
        "warned": texts,
    }


def watch_ends() -> Any:
    dataset = tf.data.Dataset.range(8).batch(2)
    clock, model = clock_for(dataset, epochs=2), Model()
    watched = watch(clock, model.optimizer)
    for _ in clock.epochs():
        for batch in clock.batches(dataset):
            model.train(batch)
            if clock.batch == 3:
                watched.remove()
                watched.remove()
    return {"counts": [clock.step, clock.applied, watched.applied], "hooks": len(clock.hooks)}


def v1_optimizer() -> Any:
    """An optimizer of TF1 raises the variable that it is given; without one nothing counts."""
    global_step = tf.Variable(0, dtype=tf.int64, name="global_step")
    weight = tf.Variable(1.0)
    optimizer = tf.compat.v1.train.GradientDescentOptimizer(0.01)
    clock = sb.StepClock(batches_per_epoch=4, epochs=2)
    watched = watch(clock, global_step)
    with warned() as texts:
        for _ in clock.epochs():
            for _ in clock.batches(range(4)):
                given = {} if clock.batch == 6 else {"global_step": global_step}
                optimizer.apply_gradients([(tf.constant(1.0), weight)], **given)
    return {
        "warned": texts,
        "counts": [clock.step, watched.applied, int(global_step)],
        "weight": round(float(weight), 4),
        "the optimizer itself": refusal(lambda: watch(clock, optimizer)),
        "a float": refusal(lambda: watch(clock, tf.Variable(1.0))),
        "no clock": refusal(
            lambda: watch(7, optimizer)  # type: ignore[arg-type]
        ),
    }


def frozen() -> Any:
    dataset = tf.data.Dataset.range(10).batch(4)
    clock = clock_for(dataset, epochs=2)
    units = ("step", "batch", "sample", "epoch")
    variables = [follow(clock, unit) for unit in units]  # type: ignore[arg-type]

    @tf.function  # type: ignore[untyped-decorator]
    def train(batch: Any) -> Any:
        return clock.step, [variable.read_value() for variable in variables]

    rows = []
    for epoch in clock.epochs():
        for batch in clock.batches(dataset):
            naive, followed = train(tf.size(batch))
            rows.append([int(naive), [int(value) for value in followed], [*at(clock)[2:], epoch]])
    return rows


def followers() -> Any:
    clock = sb.StepClock(batches_per_epoch=4, epochs=3, accumulate=2)
    step = follow(clock)
    before = int(step)
    stopped = sb.StepClock(batches_per_epoch=4, epochs=3, accumulate=2)
    for _ in stopped.epochs(1):
        for _ in stopped.batches(range(4)):
            pass
    clock.load_state_dict(stopped.state_dict())
    again = follow(clock, "st")
    loaded = int(again)
    rows = [[int(step), clock.step] for _ in clock.epochs() for _ in clock.batches(range(4))]
    graph = tf.Graph()
    with graph.as_default():
        in_a_graph = refusal(lambda: follow(clock))
    return {
        "before": before,
        "same": again is step,
        "loaded": loaded,
        "rows": rows,
        "dtype": step.dtype.name,
        "trainable": step.trainable,
        "a graph": in_a_graph,
        "tokens": refusal(lambda: follow(clock, "token")),
        "samples": refusal(lambda: follow(clock, "sample")),
        "no clock": refusal(lambda: follow(3)),  # type: ignore[arg-type]
    }


def traced_loop() -> Any:
    """A loop inside a tf.function is traced once, whatever the dataset's length."""
    dataset = tf.data.Dataset.range(10).batch(4)
    answers = {}
    for name in ("clock_for", "follow", "watch"):
        clock = clock_for(dataset, epochs=1) if name == "clock_for" else sb.StepClock(batches_per_epoch=3, epochs=1)
        if name == "follow":
            follow(clock)
        if name == "watch":
            watch(clock, Model().optimizer)
        epochs = clock.epochs()
        next(epochs)

        @tf.function(autograph=False)  # type: ignore[untyped-decorator]
        def train(clock: sb.StepClock = clock) -> Any:
            total = tf.constant(0, tf.int64)
            for batch in clock.batches(dataset):
                total += tf.reduce_sum(batch)
            return total

        answers[name] = refusal(train)
    return answers


if __name__ == "__main__":
    run(
        [
            uniform,
            partial,
            dropped,
            unknown,
            unknown_accumulating,
            endless,
            datasets,
            refused_datasets,
            accumulated,
            keras_accumulates,
            scaled_eagerly,
            scaled_in_a_function,
            scaled_without_sync,
            disagreements,
            two_optimizers,
            watch_ends,
            v1_optimizer,
            frozen,
            followers,
            traced_loop,
        ]
    )
