"""The line of TF1: a graph, its global step, MonitoredTrainingSession and its checkpoints.

A session's hook sees updates only, so an event here is a run of the session that updated.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import tensorflow as tf

import stepbridge as sb
from conformance.recording import Seen, add_tokens, take_down
from conformance.windows import Window
from stepbridge.adapters.tensorflow import GlobalStepHook

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.scenarios import Leg, Scenario

__all__ = ["run"]

v1 = tf.compat.v1
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


def run(scenario: Scenario, folder: Path) -> list[dict[str, Any]]:
    """Plays a scenario; returns its events."""
    played = Run(scenario, folder)
    for leg in scenario.legs:
        played.leg(leg)
    return played.events


class Graph:
    """One weight, moved by the mean of its gradients; a variable counts the samples that pass."""

    def __init__(self, scenario: Scenario) -> None:
        self.skip = v1.placeholder_with_default(tf.constant(0, tf.int64), [])
        self.size = v1.placeholder_with_default(tf.constant(0, tf.int64), [])
        dataset = tf.data.Dataset.from_tensor_slices(tf.ones([scenario.samples])).skip(self.skip).batch(self.size)
        self.iterator = v1.data.make_initializable_iterator(dataset)
        self.initializer = self.iterator.initializer
        options = {"use_resource": True, "trainable": False}
        self.weight = v1.get_variable("weight", initializer=0.0, use_resource=True)
        self.gradient = v1.get_variable("gradient", initializer=0.0, **options)
        self.passed = v1.get_variable("passed", initializer=tf.constant(0, tf.int64), **options)
        self.global_step = v1.train.get_or_create_global_step()
        self.pending = v1.placeholder_with_default(1.0, [])
        self.optimizer = v1.train.GradientDescentOptimizer(1.0)
        self.forward = self.pass_on()
        with tf.control_dependencies([self.forward]):
            self.train = self.update()
        # Several batches a run, one after the other: executions[n - 1] trains n of them.
        self.executions: list[Any] = []
        for _ in range(scenario.fused):
            with tf.control_dependencies(self.executions[-1:]), tf.control_dependencies([self.pass_on()]):
                self.executions.append(self.update())
        self.drop = self.gradient.assign(0.0)

    def pass_on(self) -> Any:
        """Passes a batch, and adds its gradient up."""
        batch = self.iterator.get_next()
        weight = self.weight.read_value()
        (slope,) = tf.gradients(tf.reduce_mean(batch * weight), [weight])
        with tf.control_dependencies([self.passed.assign_add(tf.size(batch, tf.int64))]):
            return self.gradient.assign_add(slope).op

    def update(self) -> Any:
        """Applies the mean of what was added up, and raises the global step."""
        pairs = [(self.gradient.read_value() / self.pending, self.weight)]
        with tf.control_dependencies([self.optimizer.apply_gradients(pairs, global_step=self.global_step)]):
            return self.gradient.assign(0.0).op


class Replicas:
    """The same on two replicas, which share each batch and raise one global step."""

    def __init__(self, scenario: Scenario, leg: Leg) -> None:
        self.skip, self.size, self.pending = (v1.placeholder_with_default(0.0, []) for _ in range(3))
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"][: scenario.workers_of(leg)])
        with strategy.scope():
            iterator = strategy.make_dataset_iterator(
                tf.data.Dataset.from_tensor_slices(tf.ones([scenario.samples])).batch(leg.batch_size)
            )
            self.initializer = iterator.initialize()
            self.weight = v1.get_variable("weight", initializer=0.0, use_resource=True)
            self.count = v1.get_variable(
                "passed",
                initializer=tf.constant(0, tf.int64),
                use_resource=True,
                trainable=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.SUM,
            )
            # A session of one worker restores it.
            v1.get_variable("gradient", initializer=0.0, use_resource=True, trainable=False)
            self.global_step = v1.train.get_or_create_global_step()
            self.optimizer = v1.train.GradientDescentOptimizer(1.0)
            self.passed = tf.identity(self.count)  # of both
            self.train = strategy.group(
                strategy.extended.call_for_each_replica(self._train, args=(iterator.get_next(),))
            )

    def _train(self, batch: Any) -> Any:
        size = tf.size(batch, tf.int64)
        whole = tf.distribute.get_replica_context().all_reduce("sum", tf.cast(size, tf.float32))
        with tf.control_dependencies([self.count.assign_add(size)]):
            loss = self.weight * tf.reduce_sum(batch) / whole
            return self.optimizer.minimize(loss, global_step=self.global_step)


class Run:
    """The sessions of one scenario, and what was seen in them."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario = scenario
        self.folder = folder
        self.seen = Seen()
        self.window = Window(scenario.accumulate, scenario.boundary)
        self.events: list[dict[str, Any]] = []
        self.epochs = self.done = self.taken = 0
        self.clock = self.make(scenario.legs[0])

    def make(self, leg: Leg) -> sb.StepClock:
        """Makes the clock with the plan of the run."""
        scenario = self.scenario
        known: dict[str, Any] = {"samples": scenario.samples} if scenario.known else {}
        bounded = scenario.legs[-1].epochs == leg.epochs
        return sb.StepClock(
            **known,
            batch_size=leg.batch_size,
            epochs=leg.epochs if bounded else None,
            accumulate=scenario.accumulation(leg),
            boundary=scenario.boundary,
            on_cut=scenario.on_cut,
        )

    def leg(self, leg: Leg) -> None:
        """Runs a session: a new graph, restored from the checkpoint of the one before it."""
        resume: Any = None
        if leg.begins != "new" and (self.done or leg.begins == "resumed"):
            # The clock is saved next to the session's checkpoint.
            state = json.loads((self.folder / "clock.json").read_text())
            self.clock = self.make(leg)
            self.clock.load_state_dict(state, pending="carry")
            resume = "continues" if leg.begins == "resumed" else "restart"
        if leg.begins == "again":
            if self.done:
                self.epochs, self.done, self.seen.iter = self.epochs + 1, 0, -1
            if leg.batch_size != self.scenario.legs[0].batch_size:
                self.clock.change(batch_size=leg.batch_size)
        hook = GlobalStepHook(self.clock, resume=resume)
        self.taken, self.size = 0, leg.batch_size
        self.window.accumulate = self.scenario.accumulation(leg)
        with tf.Graph().as_default():
            alone = self.scenario.workers_of(leg) == 1
            graph = Graph(self.scenario) if alone else Replicas(self.scenario, leg)
            with v1.train.MonitoredTrainingSession(
                checkpoint_dir=str(self.folder),
                hooks=[hook],
                save_checkpoint_steps=1,
                save_summaries_steps=None,
                save_summaries_secs=None,
                log_step_count_steps=None,
            ) as session:
                while self.epochs < leg.epochs and self.taken != leg.stops:
                    self.epoch(leg, session, graph, hook)
        (self.folder / "clock.json").write_text(json.dumps(self.clock.state_dict()))

    def epoch(self, leg: Leg, session: Any, graph: Graph | Replicas, hook: GlobalStepHook) -> None:
        """Trains until the data end, or the leg stops."""
        aside(session, graph.initializer, {graph.skip: self.done, graph.size: leg.batch_size})
        number = self.seen.iter if self.done else -1
        while self.taken != leg.stops:
            left = -(-(self.scenario.samples - self.done) // leg.batch_size)
            if self.scenario.known and not left:
                break
            many = min(self.scenario.fused, left) if self.scenario.known else 1
            self.seen.epoch, self.seen.iter = self.epochs, number + many
            try:
                self.execute(session, graph, many)
            except tf.errors.OutOfRangeError:
                # The run that found no data took no batch.
                self.window.pending -= 1
                hook.end_epoch()
                break
            number += many
            self.taken += many
        else:
            if self.done < self.scenario.samples:
                return
        self.epochs, self.done = self.epochs + 1, 0

    def execute(self, session: Any, graph: Any, many: int) -> None:
        """Runs the session once, as the window says; takes down what updated."""
        seen, window = self.seen, self.window
        ends = self.scenario.known and self.done + many * self.size >= self.scenario.samples
        due = window.add(last=ends)
        before = seen.samples
        if self.scenario.fused > 1:
            session.run(graph.executions[many - 1])
        elif due == "step":
            session.run(graph.train, {graph.pending: float(window.pending)})
        else:
            session.run(graph.forward)
        passed, weight, step = aside(session, [graph.passed, graph.weight, graph.global_step])
        seen.samples, seen.batches = int(passed), seen.batches + many
        self.done += seen.samples - before
        seen.last, seen.closes = self.done == self.scenario.samples, due == "step"
        if due == "drop":
            aside(session, graph.drop)
        if due != "wait":
            window.close()
        if due == "step":
            seen.attempted += many
            seen.updates = round(-float(weight))
            assert abs(float(weight) + seen.updates) < 1e-3, f"the weight is {weight}: no number of updates"
            seen.own = {"tensorflow": {"global_step": int(step)}}
            add_tokens(self.clock, seen, self.scenario)
            self.events.append(take_down(self.clock, deepcopy(seen)))


def aside(session: Any, fetches: Any, feed: Any = None) -> Any:
    """Runs something that is no training, past all hooks."""
    return session.run_step_fn(lambda step_context: step_context.session.run(fetches, feed))
