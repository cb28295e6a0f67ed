"""Sessions of TF1: what the clock stated and what was counted next to it, for test_tensorflow_sessions.py."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf

import stepbridge as sb
from adapters.tensorflow_worker import refusal, run, warned
from stepbridge.adapters.tensorflow import GlobalStepHook

v1 = tf.compat.v1


class Graph:
    """A model in a graph of its own, with a variable that counts the samples that passed."""

    def __init__(self, *, epochs: int | None = None, updates: int = 1, skip: int = 0) -> None:
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.global_step = v1.train.get_or_create_global_step()
            dataset = tf.data.Dataset.range(20).batch(3).repeat(epochs).skip(skip)
            self.iterator = v1.data.make_initializable_iterator(dataset)
            v1.add_to_collection(v1.GraphKeys.TABLE_INITIALIZERS, self.iterator.initializer)
            self.weight = v1.get_variable("weight", initializer=0.0)
            count = v1.get_variable("count", [], tf.int64, v1.zeros_initializer(), trainable=False)
            self.samples = count
            optimizer = v1.train.GradientDescentOptimizer(0.01)
            done: list[Any] = []
            for _ in range(updates):
                with tf.control_dependencies(done):
                    batch = self.iterator.get_next()
                    passed = v1.assign_add(count, tf.shape(batch, out_type=tf.int64)[0])
                    with tf.control_dependencies([passed]):
                        gradient = tf.cast(tf.reduce_sum(batch), tf.float32) + 1.0
                        done = [optimizer.apply_gradients([(gradient, self.weight)], global_step=self.global_step)]
            self.train = done[0]
            self.evaluate = tf.square(self.weight)

    def session(self, clock: sb.StepClock, *others: Any, folder: str | None = None, resume: Any = None) -> Any:
        return v1.train.MonitoredTrainingSession(
            checkpoint_dir=folder,
            hooks=[GlobalStepHook(clock, resume=resume), *others],
            save_checkpoint_steps=3 if folder else None,
            save_summaries_steps=None,
            log_step_count_steps=None,
        )

    def go(self, clock: sb.StepClock, *others: Any, stop: int | None = None, **options: Any) -> list[list[Any]]:
        """Train until the session stops, or at a step; what the clock and the graph say after each run."""
        rows: list[list[Any]] = []
        with self.graph.as_default(), self.session(clock, *others, **options) as session:
            while not session.should_stop():
                session.run(self.train)
                rows.append([at(clock), self.seen(session)])
                if clock.step == stop:
                    break
        return rows

    def seen(self, session: Any) -> list[int]:
        """The global step, and the samples that passed, read past the hooks."""
        raw = session._tf_sess()
        return [int(raw.run(self.global_step)), int(raw.run(self.samples))]


def at(clock: sb.StepClock) -> list[int | None]:
    return [clock.epoch, clock.iter, clock.step, clock.sample]


def plan(**options: Any) -> sb.StepClock:
    return sb.StepClock(samples=20, batch_size=3, **{"epochs": 2, **options})


def stops_at_the_end_of_the_plan() -> Any:
    clock = plan()
    rows = Graph().go(clock)
    return {"rows": rows, "position": list(clock.position), "finished": clock.finished}


def the_data_end() -> Any:
    """The data end with the plan, and once before it."""
    whole, short = plan(), plan(epochs=3)
    rows = Graph(epochs=2).go(whole)
    Graph(epochs=2).go(short)
    return {"rows": rows, "whole": whole.finished, "short": [short.finished, short.step, *short.position]}


class Fetched(tf.compat.v1.train.SessionRunHook):  # type: ignore[misc]
    """Asks for the global step in the run that trains, as a hook can."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def begin(self) -> None:
        self.step = v1.train.get_global_step()

    def before_run(self, run_context: Any) -> Any:
        return v1.train.SessionRunArgs(self.step)

    def after_run(self, run_context: Any, run_values: Any) -> None:
        self.seen.append(int(run_values.results))


def a_fetched_global_step() -> Any:
    clock, fetched = sb.StepClock(batches_per_epoch=100, epochs=4), Fetched()
    rows = Graph().go(clock, fetched)
    return {"clock": [row[0][2] for row in rows], "global": [row[1][0] for row in rows], "fetched": fetched.seen}


def runs_that_do_not_train() -> Any:
    clock, model = plan(), Graph()
    rows = []
    with model.graph.as_default(), model.session(clock) as session:
        session.run(model.evaluate)
        before = clock.step
        while not session.should_stop():
            session.run(model.train)
            if not session.should_stop():
                session.run(model.evaluate)
                session.run([model.evaluate, model.global_step])
            rows.append([at(clock), model.seen(session)])
    return {"before": before, "rows": rows}


def several_updates_a_run() -> Any:
    """Three updates a run, seven batches an epoch: the runs cross its end."""
    clock, model = plan(epochs=3), Graph(updates=3)
    trigger = clock.trigger("5st")
    rows, fired = [], []
    with model.graph.as_default(), model.session(clock) as session:
        while not session.should_stop():
            session.run(model.train)
            rows.append([at(clock), model.seen(session)])
            fired.append([bool(trigger), bool(clock.every("5st"))])
    return {"rows": rows, "fired": fired}


def past_the_end() -> Any:
    clock, model = plan(epochs=1), Graph(updates=3)
    with warned() as texts:
        rows = model.go(clock)
    return {"rows": rows, "warned": texts, "finished": clock.finished}


def stops_in_any_unit() -> Any:
    answers = {}
    for until in ("5st", "12sp", "1ep", "10ba", "50%"):
        clock = plan(until=until)
        rows = Graph().go(clock)
        answers[until] = [len(rows), clock.step, clock.sample]
    return answers


def accumulated() -> Any:
    """Gradients of three batches are added up before an update; the epoch's last window is short."""
    graph = tf.Graph()
    clock = plan(accumulate=3)
    rows = []
    with graph.as_default():
        global_step = v1.train.get_or_create_global_step()
        weight = v1.get_variable("weight", initializer=0.0)
        total = v1.get_variable("total", initializer=0.0, trainable=False)
        add = v1.assign_add(total, 1.0)
        update = v1.train.GradientDescentOptimizer(0.01).apply_gradients([(total.read_value(), weight)], global_step)
        with tf.control_dependencies([update]):
            clear = v1.assign(total, 0.0)
        with v1.train.MonitoredTrainingSession(hooks=[GlobalStepHook(clock)]) as session:
            batches = 0
            for _ in range(2):
                for iteration in range(7):
                    session.run(add)
                    batches += 1
                    if iteration in (2, 5, 6):
                        session.run(clear)
                        rows.append([clock.step, clock.batch, batches])
    unknown = sb.StepClock(accumulate=3)
    return {"rows": rows, "unknown": refusal(lambda: Graph().go(unknown))}


def resumed(stop: int, *, resume: Any = None, clock: sb.StepClock | None = None) -> Any:
    folder = tempfile.mkdtemp()
    Graph().go(plan(epochs=3), folder=folder, stop=stop)
    clock = clock or plan(epochs=3)
    rows = Graph(skip=stop if resume == "continues" else 0).go(clock, folder=folder, resume=resume)
    return {"rows": rows, "position": list(clock.position), "batches": clock.timeline.batches}


def resumed_at_a_boundary() -> Any:
    return resumed(7)


def resumed_inside() -> Any:
    return resumed(10, resume="continues")


def restarted_inside() -> Any:
    return resumed(10, resume="restart")


def resumed_refusals() -> Any:
    ahead = plan(epochs=3)
    Graph().go(ahead, stop=12)
    return {
        "unexplained": refusal(lambda: resumed(10)),
        "past the end": refusal(lambda: resumed(10, clock=plan(epochs=1))),
        "ahead": refusal(lambda: resumed(7, clock=ahead)),
        "learning": refusal(lambda: resumed(7, clock=sb.StepClock())),
        "unknown word": refusal(lambda: GlobalStepHook(plan(), resume="skip")),  # type: ignore[arg-type]
        "no clock": refusal(lambda: GlobalStepHook(3)),  # type: ignore[arg-type]
    }


def resumed_with_its_own_state() -> Any:
    """The clock was saved next to the session's checkpoint; both say the same, or the clock is behind."""
    folder = tempfile.mkdtemp()
    first = plan(epochs=3)
    Graph().go(first, folder=folder, stop=7)
    same = plan(epochs=3)
    same.load_state_dict(first.state_dict())
    rows = Graph().go(same, folder=folder, stop=10)
    behind = plan(epochs=3)
    behind.load_state_dict(first.state_dict())
    more = Graph().go(behind, folder=folder, resume="continues", stop=12)
    return {"rows": rows, "more": more}


def finished_already() -> Any:
    folder = tempfile.mkdtemp()
    Graph().go(plan(), folder=folder)
    clock = plan()
    return {"rows": Graph().go(clock, folder=folder), "step": clock.step, "finished": clock.finished}


def ledger(folder: str) -> list[Any]:
    """The lines of a ledger: what each says of the position."""
    lines = map(json.loads, (Path(folder) / "stepclock.jsonl").read_text(encoding="utf-8").splitlines())
    return [
        [line["kind"], line["session"], line.get("batch"), line.get("supersedes")]
        for line in lines
        if line["kind"] != "logged_as"
    ]


class Preempted(tf.compat.v1.train.SessionRunHook):  # type: ignore[misc]
    """Loses the session once."""

    def __init__(self, clock: sb.StepClock, step: int) -> None:
        self.clock, self.step, self.lost = clock, step, False

    def before_run(self, run_context: Any) -> None:
        if self.clock.step == self.step and not self.lost:
            self.lost = True
            raise tf.errors.AbortedError(None, None, "preempted")


def recovered() -> Any:
    """A lost session goes on from its last checkpoint, and the clock with it."""
    root = tempfile.mkdtemp()
    clock, model = plan(ledger=root), Graph()
    with warned() as texts:
        rows = model.go(clock, Preempted(clock, 11), folder=root)
    finished = [clock.finished, clock.timeline.batches]
    return {"rows": rows, "warned": texts, "finished": finished, "ledger": ledger(root)}


def a_global_step_that_is_assigned() -> Any:
    def turn(value: int, at: int) -> list[str]:
        clock, model = plan(), Graph()
        with model.graph.as_default():
            assign = v1.assign(model.global_step, value)

            def go() -> None:
                with model.session(clock) as session:
                    for _ in range(at):
                        session.run(model.train)
                    session.run(assign)

            return refusal(go)

    def negative() -> None:
        with tf.Graph().as_default():
            step = v1.get_variable("global_step", initializer=tf.constant(-3, tf.int64), trainable=False)
            v1.add_to_collection(v1.GraphKeys.GLOBAL_STEP, step)
            with v1.train.MonitoredTrainingSession(hooks=[GlobalStepHook(plan())]):
                pass

    return {"back": turn(1, 4), "below zero": turn(-1, 4), "negative": refusal(negative)}


def no_global_step() -> Any:
    def in_a_graph() -> None:
        with tf.Graph().as_default(), v1.train.MonitoredTrainingSession(hooks=[GlobalStepHook(plan())]):
            pass

    def eagerly() -> None:
        v1.train.create_global_step()
        with v1.train.MonitoredTrainingSession(hooks=[GlobalStepHook(plan())]):
            pass

    return {"graph": refusal(in_a_graph), "eager": refusal(eagerly), "get": v1.train.get_global_step() is None}


def never_raised() -> Any:
    """`minimize` without `global_step=`: the session trains and no hook can know."""
    clock = plan()
    with warned() as texts, tf.Graph().as_default():
        v1.train.get_or_create_global_step()
        weight = v1.get_variable("weight", initializer=1.0)
        train = v1.train.GradientDescentOptimizer(0.1).minimize(tf.square(weight))
        with v1.train.MonitoredTrainingSession(hooks=[GlobalStepHook(clock)]) as session:
            for _ in range(4):
                session.run(train)
    return [texts, clock.step]


def lengths_that_are_learned() -> Any:
    """The author's loop says where an epoch ends: the iterator is begun anew there."""
    clock, model = sb.StepClock(), Graph(epochs=1)
    hook = GlobalStepHook(clock)
    rows = []
    with model.graph.as_default(), v1.train.MonitoredTrainingSession(hooks=[hook]) as session:
        for _ in range(2):
            while True:
                try:
                    session.run(model.train)
                except tf.errors.OutOfRangeError:
                    break
                rows.append([at(clock), model.seen(session)])
            hook.end_epoch()
            session.run(model.iterator.initializer)
    return {"rows": rows, "position": list(clock.position)}


def trained_past_the_hooks() -> Any:
    clock, model = plan(), Graph()
    with model.graph.as_default(), model.session(clock) as session:
        session.run(model.train)
        session.run_step_fn(lambda step_context: step_context.session.run(model.train))
        between = clock.step
    return [between, clock.step]


def scaled() -> Any:
    """TF1's loss scaling leaves an update out, and does not raise the global step for it."""
    clock = sb.StepClock(batches_per_epoch=4, epochs=1)
    rows = []
    with tf.Graph().as_default():
        global_step = v1.train.get_or_create_global_step()
        gradient = v1.placeholder(tf.float32, [])
        weight = v1.get_variable("weight", initializer=1.0)
        optimizer = v1.mixed_precision.MixedPrecisionLossScaleOptimizer(
            v1.train.GradientDescentOptimizer(0.1), v1.mixed_precision.DynamicLossScale()
        )
        train = optimizer.apply_gradients([(gradient, weight)], global_step=global_step)
        with v1.train.MonitoredTrainingSession(hooks=[GlobalStepHook(clock)]) as session:
            for value in (1.0, float("inf"), 1.0):
                session.run(train, {gradient: value})
                seen = session._tf_sess().run([weight, global_step])
                rows.append([clock.step, *map(float, seen)])
    return rows


def beside_tensorflows_hooks() -> Any:
    """The clock stops where StopAtStepHook would, and a CheckpointSaverHook saves at its steps."""
    folder = tempfile.mkdtemp()
    clock, other = plan(), sb.StepClock()
    Graph().go(clock, folder=folder)
    Graph().go(other, v1.train.StopAtStepHook(last_step=14))
    return {"latest": tf.train.latest_checkpoint(folder).rsplit("-", 1)[1], "steps": [clock.step, other.step]}


if __name__ == "__main__":
    run(
        [
            stops_at_the_end_of_the_plan,
            the_data_end,
            a_fetched_global_step,
            runs_that_do_not_train,
            several_updates_a_run,
            past_the_end,
            stops_in_any_unit,
            accumulated,
            resumed_at_a_boundary,
            resumed_inside,
            restarted_inside,
            resumed_refusals,
            resumed_with_its_own_state,
            finished_already,
            recovered,
            a_global_step_that_is_assigned,
            no_global_step,
            never_raised,
            lengths_that_are_learned,
            trained_past_the_hooks,
            scaled,
            beside_tensorflows_hooks,
        ]
    )
