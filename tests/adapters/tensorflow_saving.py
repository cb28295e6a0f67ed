"""Checkpoints and event files: what was saved and read again, for test_tensorflow_saving.py."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import stepbridge as sb
from adapters.tensorflow_worker import refusal, run, warned
from stepbridge.adapters.tensorflow import ClockCheckpoint, clock_for, follow, set_summary_step, watch

SAMPLES = tf.data.Dataset.range(20)
DATASET = SAMPLES.batch(3)


class Run:
    """A model, its optimizer and its clock, in one checkpoint, and the samples that passed."""

    def __init__(self, clock: sb.StepClock | None = None, **options: Any) -> None:
        self.clock = clock or clock_for(DATASET, epochs=3)
        self.weight = tf.Variable(0.0)
        self.optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
        self.optimizer.build([self.weight])
        self.passed: list[int] = []
        self.checkpoint = tf.train.Checkpoint(
            weight=self.weight, optimizer=self.optimizer, clock=ClockCheckpoint(self.clock, **options)
        )

    def train(self, batch: Any) -> None:
        self.passed += batch.numpy().tolist()
        self.optimizer.apply_gradients([(tf.cast(tf.reduce_sum(batch), tf.float32), self.weight)])

    def go(self, *, stop: int | None = None, resume: Any = None, first: Any = None) -> Run:
        """Train to the end, or to a batch. `first` is the data of the epoch that was resumed in its middle."""
        for _ in self.clock.epochs():
            for batch in self.clock.batches(DATASET if first is None else first, resume=resume):
                self.train(batch)
                if self.clock.batch == stop:
                    return self
            first = resume = None
        return self

    def end(self) -> list[Any]:
        return [self.passed, float(self.weight), int(self.optimizer.iterations), self.clock.state_dict()]


def folder() -> str:
    return tempfile.mkdtemp()


def whole() -> Any:
    return Run().go().end()


def stopped_at(batch: int) -> tuple[str, list[int]]:
    stopped = Run().go(stop=batch)
    return stopped.checkpoint.save(folder() + "/run"), stopped.passed


def resumed(batch: int, **options: Any) -> Any:
    path, passed = stopped_at(batch)
    again = Run()
    again.checkpoint.restore(path).assert_consumed()
    position = list(again.clock.position)
    again.go(**options)
    again.passed = passed + again.passed
    return {"position": position, "end": again.end()}


def at_a_boundary() -> Any:
    return resumed(7)


def skipping() -> Any:
    return resumed(10, resume="skip")


def skipped_by_the_dataset() -> Any:
    return resumed(10, resume="continues", first=DATASET.skip(3))


def unexplained() -> Any:
    return refusal(lambda: resumed(10))


def with_the_iterator() -> Any:
    """The iterator is saved next to the clock, so it yields what is left."""
    stopped, path, passed = Run(), "", []
    for _ in stopped.clock.epochs():
        iterator = iter(DATASET)
        stopped.checkpoint.iterator = iterator
        for batch in stopped.clock.batches(iterator):
            stopped.train(batch)
            if stopped.clock.batch == 10:
                path, passed = stopped.checkpoint.save(folder() + "/run"), list(stopped.passed)
    again = Run()
    iterator = iter(DATASET)
    again.checkpoint.iterator = iterator
    again.checkpoint.restore(path).assert_consumed()
    again.go(resume="continues", first=iterator)
    again.passed = passed + again.passed
    return [stopped.end(), again.end()]


def another_batch_size() -> Any:
    path, passed = stopped_at(10)
    again = Run(clock_for(SAMPLES.batch(5), epochs=3))
    again.checkpoint.restore(path)
    clock = again.clock
    left = SAMPLES.skip(9).batch(5)
    for epoch in clock.epochs():
        for batch in clock.batches(left if epoch == 1 else SAMPLES.batch(5), resume="continues"):
            again.train(batch)
    return {"passed": passed + again.passed, "counts": [clock.batch, clock.step, clock.sample, *clock.position]}


def another_plan() -> Any:
    path, _ = stopped_at(10)
    longer = tf.data.Dataset.range(30).batch(3)
    refused = Run(clock_for(longer, epochs=3))
    error = refusal(lambda: refused.checkpoint.restore(path))
    told_so = Run(clock_for(longer, epochs=3), changed=True)
    told_so.checkpoint.restore(path)
    return {
        "refused": error,
        "untouched": [float(refused.weight), int(refused.optimizer.iterations), refused.clock.batch],
        "changed": [float(told_so.weight) != 0, told_so.clock.batch, told_so.clock.convert("2ep", "batch").value],  # type: ignore[union-attr]
    }


def inside_the_loop() -> Any:
    path, _ = stopped_at(10)
    running = Run()
    epochs = running.clock.epochs()
    next(epochs)
    return [refusal(lambda: running.checkpoint.restore(path)), float(running.weight)]


def attached_later() -> Any:
    path, _ = stopped_at(10)
    weight, clock = tf.Variable(0.0), clock_for(DATASET, epochs=3)
    checkpoint = tf.train.Checkpoint(weight=weight)
    checkpoint.restore(path)
    before = clock.batch
    checkpoint.clock = ClockCheckpoint(clock)
    return [before, clock.batch, list(clock.position)]


def without_a_clock() -> Any:
    """A checkpoint of before: the clock goes where the optimizer's counter says."""
    stopped = Run().go(stop=10)
    path = tf.train.Checkpoint(weight=stopped.weight, optimizer=stopped.optimizer).save(folder() + "/run")
    again = Run()
    status = again.checkpoint.restore(path)
    unmatched = refusal(status.assert_existing_objects_matched)
    before = again.clock.batch
    again.clock = clock_for(DATASET, epochs=3, initial=f"{int(again.optimizer.iterations)}st")
    with warned() as texts, watch(again.clock, again.optimizer):
        again.go(resume="skip")
    return {
        "unmatched": unmatched,
        "before": before,
        "end": [again.clock.step, again.clock.sample, int(again.optimizer.iterations)],
        "warned": texts,
    }


def not_a_clock() -> Any:
    class Other(tf.train.experimental.PythonState):  # type: ignore[misc]
        def serialize(self) -> str:
            return "{"

        def deserialize(self, string_value: bytes) -> None:
            pass

    path = tf.train.Checkpoint(clock=Other()).save(folder() + "/run")
    broken = refusal(lambda: tf.train.Checkpoint(clock=ClockCheckpoint(Run().clock)).restore(path))
    trigger = ClockCheckpoint(Run().clock.trigger("4st"))
    path = tf.train.Checkpoint(clock=trigger).save(folder() + "/run")
    mistaken = refusal(lambda: tf.train.Checkpoint(clock=ClockCheckpoint(Run().clock)).restore(path))
    return [broken, mistaken, refusal(lambda: ClockCheckpoint(7))]  # type: ignore[arg-type]


def triggers() -> Any:
    clock = clock_for(DATASET, epochs=3)
    trigger = clock.trigger("4st")
    checkpoint = tf.train.Checkpoint(clock=ClockCheckpoint(clock), trigger=ClockCheckpoint(trigger))
    fired, path = [], ""
    for _ in clock.epochs(1):
        for _ in clock.batches(DATASET):
            fired += [clock.step] * bool(trigger)
            if clock.step == 7:
                path = checkpoint.save(folder() + "/run")
    clock = clock_for(DATASET, epochs=3)
    trigger = clock.trigger("4st")
    tf.train.Checkpoint(clock=ClockCheckpoint(clock), trigger=ClockCheckpoint(trigger)).restore(path)
    for _ in clock.epochs():
        for _ in clock.batches(DATASET):
            fired += [clock.step] * bool(trigger)
    return fired


def managed() -> Any:
    """A manager that saves every third step: its counter is the variable that follows the clock."""
    root = folder()

    def manager(one: Run, step: Any) -> Any:
        return tf.train.CheckpointManager(one.checkpoint, root, max_to_keep=2, step_counter=step, checkpoint_interval=3)

    first = Run()
    keeper = manager(first, follow(first.clock))
    saved = []
    for _ in first.clock.epochs():
        for batch in first.clock.batches(DATASET):
            first.train(batch)
            path = keeper.save(checkpoint_number=first.clock.step, check_interval=True)
            if path:
                saved.append([first.clock.step, Path(path).name])
        if first.clock.epoch == 1:
            break
    again = Run()
    step = follow(again.clock)
    path = manager(again, step).restore_or_initialize()
    return {
        "saved": saved,
        "kept": [Path(path).name for path in keeper.checkpoints],
        "restored": [Path(path).name, int(step), again.clock.step, int(again.optimizer.iterations)],
    }


def asynchronous() -> Any:
    """Each save shows the clock as it was when `save` was called, as it shows the variables."""
    options = tf.train.CheckpointOptions(experimental_enable_async_checkpoint=True)
    clock, updates = clock_for(DATASET, epochs=3), tf.Variable(0)
    checkpoint, paths = tf.train.Checkpoint(clock=ClockCheckpoint(clock), updates=updates), []
    for _ in clock.epochs():
        for _ in clock.batches(DATASET):
            updates.assign_add(1)
            paths.append(checkpoint.save(folder() + "/run", options=options))
    checkpoint.sync()
    rows = []
    for path in paths:
        clock, updates = clock_for(DATASET, epochs=3), tf.Variable(0)
        tf.train.Checkpoint(clock=ClockCheckpoint(clock), updates=updates).restore(path).expect_partial()
        rows.append([clock.step, int(updates)])
    return rows


def watched_and_scaled() -> Any:
    """The counts of applied updates go on, though the clock is restored before the optimizer is."""
    gradients = [1.0, float("inf"), 1.0, 1.0, float("inf"), 1.0]

    def make() -> tuple[sb.StepClock, Any, Any, Any]:
        clock, weight = sb.StepClock(batches_per_epoch=3, epochs=2), tf.Variable(1.0)
        optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), initial_scale=2.0)
        optimizer.build([weight])
        checkpoint = tf.train.Checkpoint(clock=ClockCheckpoint(clock), weight=weight, optimizer=optimizer)
        return clock, weight, optimizer, checkpoint

    clock, weight, optimizer, checkpoint = make()
    watch(clock, optimizer)
    path = ""
    for _ in clock.epochs(1):
        for gradient in clock.batches(gradients[:3]):
            optimizer.apply_gradients([(tf.constant(gradient), weight)])
            if clock.batch == 3:
                path = checkpoint.save(folder() + "/run")
    answers = []
    for late in (False, True):
        clock, weight, optimizer, checkpoint = make()
        if not late:
            watch(clock, optimizer)
        checkpoint.restore(path)
        if late:
            watch(clock, optimizer)
        before = [clock.step, clock.applied, clock.updates_of("optimizer")]
        with warned() as texts:
            for _ in clock.epochs():
                for gradient in clock.batches(gradients[3:]):
                    optimizer.apply_gradients([(tf.constant(gradient), weight)])
        after = [clock.step, clock.applied, clock.updates_of("optimizer"), int(optimizer.iterations)]
        answers.append([before, after, texts])
    return answers


def summaries() -> Any:
    """The same values, logged outside and inside a tf.function, with the clock's step and with a frozen one."""
    root = Path(folder())
    clock = clock_for(DATASET, epochs=3, accumulate=2, ledger=root)
    set_summary_step(clock)
    rows = []
    with tf.summary.create_file_writer(str(root)).as_default():

        @tf.function  # type: ignore[untyped-decorator]
        def train(value: Any) -> None:
            tf.summary.scalar("inside", value)
            tf.summary.scalar("frozen", value, step=clock.step)

        for _ in clock.epochs():
            for _ in clock.batches(DATASET):
                if clock.closes_step:
                    value = float(clock.batch)
                    tf.summary.scalar("outside", value)
                    train(tf.constant(value))
                    rows.append([clock.step, value, clock.epoch, clock.iter])
    tf.summary.experimental.set_step(None)
    events = EventAccumulator(str(root), size_guidance={"tensors": 0}).Reload()
    written = {
        tag: [[event.step, float(tf.make_ndarray(event.tensor_proto))] for event in events.Tensors(tag)]
        for tag in ("inside", "outside", "frozen")
    }
    return {"rows": rows, "written": written, "root": str(root), "plan": clock.timeline.to_json()}


def summaries_by_sample() -> Any:
    root = Path(folder())
    clock = clock_for(DATASET, epochs=2)
    set_summary_step(clock, "sample")
    with tf.summary.create_file_writer(str(root)).as_default():
        for _ in clock.epochs():
            for _ in clock.batches(DATASET):
                tf.summary.scalar("loss", float(clock.batch))
    tf.summary.experimental.set_step(None)
    return str(root)


if __name__ == "__main__":
    run(
        [
            whole,
            at_a_boundary,
            skipping,
            skipped_by_the_dataset,
            unexplained,
            with_the_iterator,
            another_batch_size,
            another_plan,
            inside_the_loop,
            attached_later,
            without_a_clock,
            not_a_clock,
            triggers,
            managed,
            asynchronous,
            watched_and_scaled,
            summaries,
            summaries_by_sample,
        ]
    )
