"""Scenarios of `fit`: how the data is handed over, where a fit begins and ends, which updates are left out."""

from __future__ import annotations

import contextlib
from typing import Any

import keras
import numpy as np

import stepbridge as sb
from adapters.keras_counting import (
    BACKEND,
    Stops,
    Tally,
    Unsized,
    Witness,
    arrays,
    facts,
    fitted,
    generator,
    model_of,
    number,
    scenario,
)
from stepbridge.adapters.keras import ClockCallback


@scenario
def uniform() -> Any:
    return fitted(model_of(), *arrays(12), batch_size=2, epochs=3)


@scenario
def partial_last_batch() -> Any:
    return fitted(model_of(), *arrays(), batch_size=2, epochs=3)


@scenario
def one_batch_an_epoch() -> Any:
    return fitted(model_of(), *arrays(5), batch_size=8, epochs=3)


@scenario
def two_batches_an_epoch() -> Any:
    return fitted(model_of(), *arrays(5), batch_size=3, epochs=3)


@scenario
def accumulated() -> Any:
    return fitted(model_of(accumulate=3), *arrays(), batch_size=2, epochs=3)


@scenario
def stated_plan() -> Any:
    clock = sb.StepClock(samples=13, batch_size=2, epochs=4, accumulate=3)
    return fitted(model_of(accumulate=3), *arrays(), clock=ClockCallback(clock), batch_size=2, epochs=3)


@scenario
def stated_sizes_are_wrong() -> Any:
    clock = ClockCallback(samples=26, batch_size=4, name="wrong")
    return fitted(model_of(), *arrays(), clock=clock, batch_size=2, epochs=2)


@scenario
def stated_batches_are_wrong() -> Any:
    return fitted(model_of(), *arrays(), clock=ClockCallback(batches_per_epoch=9), batch_size=2, epochs=2)


@scenario
def fused() -> Any:
    return fitted(model_of(3), *arrays(), clock=ClockCallback(samples=13, batch_size=2), batch_size=2, epochs=3)


@scenario
def fused_and_accumulated() -> Any:
    return fitted(model_of(3, 2), *arrays(), batch_size=2, epochs=3)


@scenario
def unknown_length() -> Any:
    return fitted(model_of(), Unsized(7), epochs=3)


@scenario
def unknown_length_accumulated() -> Any:
    return fitted(model_of(accumulate=3), Unsized(7), epochs=3)


@scenario
def unknown_length_eager() -> Any:
    return fitted(model_of(run_eagerly=True), Unsized(7), epochs=2)


@scenario
def unknown_length_fused() -> Any:
    return fitted(model_of(3), Unsized(7), epochs=3)


@scenario
def unknown_length_fused_without_a_counter() -> Any:
    model = model_of(3)
    # A counter that nobody moves, as where a train_step of one's own has another optimizer.
    model.optimizer._iterations.assign_add = lambda _value: None
    counting = ClockCallback()
    model.fit(Unsized(7), epochs=2, verbose=0, callbacks=[counting])
    future = type(counting.clock.convert("5ep", "batch")).__name__
    return {"batch": counting.clock.batch, "future": future}


@scenario
def fused_past_steps_per_epoch() -> Any:
    return fitted(model_of(3), Unsized(1000), epochs=2, steps_per_epoch=7)


@scenario
def steps_per_epoch_of_a_generator() -> Any:
    return fitted(model_of(), generator(14), epochs=2, steps_per_epoch=7)


@scenario
def generator_runs_out() -> Any:
    return fitted(model_of(), generator(12), epochs=2, steps_per_epoch=7)


@scenario
def fused_generator_runs_out() -> Any:
    return fitted(model_of(3), generator(11), epochs=2, steps_per_epoch=7)


@scenario
def weighted_and_validated() -> Any:
    x, y = arrays()
    y = (y > 0.5).astype("float32")
    return fitted(model_of(), x, y, batch_size=2, epochs=3, validation_data=arrays(9), class_weight={0: 1.0, 1: 2.0})


@scenario
def sample_weights_and_split() -> Any:
    x, y = arrays(20)
    return fitted(model_of(), x, y, batch_size=3, epochs=2, sample_weight=np.ones(20), validation_split=0.25)


@scenario
def evaluated_and_predicted_inside() -> Any:
    x, y = arrays()

    class Evaluating(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 3:
                self.model.evaluate(x, y, verbose=0)
                self.model.predict(x, verbose=0)

    counting = ClockCallback(samples=13, batch_size=2)
    return fitted(model_of(), x, y, clock=counting, extra=(Evaluating(),), batch_size=2, epochs=2)


@scenario
def evaluated_inside_with_unstated_sizes() -> Any:
    x, y = arrays()

    class Evaluating(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 3:
                self.model.evaluate(x, y, verbose=0)

    return fitted(model_of(), x, y, extra=(Evaluating(),), batch_size=2, epochs=2)


@scenario
def two_fits() -> Any:
    model, counting = model_of(accumulate=3), ClockCallback()
    witness = Witness(counting.clock)
    for size, epochs in ((2, 2), (4, 3)):
        model.fit(*arrays(), batch_size=size, epochs=epochs, verbose=0, callbacks=[counting, witness])
    return facts(witness, model)


@scenario
def two_fits_with_other_fusion() -> Any:
    model, counting = model_of(2), ClockCallback()
    witness = Witness(counting.clock)
    model.fit(*arrays(), batch_size=2, epochs=1, verbose=0, callbacks=[counting, witness])
    model.compile(model.optimizer, "mse", steps_per_execution=4)
    model.fit(*arrays(), batch_size=2, epochs=2, verbose=0, callbacks=[counting, witness])
    return facts(witness, model)


@scenario
def two_fits_with_other_accumulation() -> Any:
    model, counting = model_of(accumulate=3), ClockCallback()
    witness = Witness(counting.clock)
    model.fit(*arrays(), batch_size=2, epochs=1, verbose=0, callbacks=[counting, witness])
    # A window of 3 is open with 1 batch; Keras closes one where its counter modulo 4 is 0.
    model.optimizer.gradient_accumulation_steps = 4
    model.make_train_function(force=True)
    model.fit(*arrays(), batch_size=3, epochs=2, verbose=0, callbacks=[counting, witness])
    return facts(witness, model)


@scenario
def initial_epoch_of_the_same_run() -> Any:
    model, counting = model_of(), ClockCallback()
    witness = Witness(counting.clock)
    model.fit(*arrays(), batch_size=2, epochs=2, verbose=0, callbacks=[counting, witness])
    model.fit(*arrays(), batch_size=2, epochs=5, initial_epoch=2, verbose=0, callbacks=[counting, witness])
    return facts(witness, model)


@scenario
def initial_epoch_of_a_checkpoint_without_a_clock() -> Any:
    model = model_of()
    model.fit(*arrays(), batch_size=2, epochs=2, verbose=0)
    return fitted(model, *arrays(), batch_size=2, epochs=4, initial_epoch=2)


@scenario
def initial_epoch_that_does_not_fit() -> Any:
    model = model_of()
    model.fit(*arrays(), batch_size=2, epochs=2, verbose=0)
    return fitted(model, *arrays(), batch_size=2, epochs=5, initial_epoch=3)


@scenario
def trained_before_without_a_clock() -> Any:
    model = model_of()
    model.fit(*arrays(), batch_size=2, epochs=2, verbose=0)
    return fitted(model, *arrays(), batch_size=2, epochs=2)


@scenario
def stopped_inside_an_epoch() -> Any:
    model, counting = model_of(accumulate=2), ClockCallback()
    first = fitted(model, *arrays(), clock=counting, extra=(Stops(10),), batch_size=2, epochs=3)
    again = fitted(model, *arrays(), clock=counting, batch_size=2, epochs=1)
    lengths = [segment.batches for segment in counting.clock.timeline.segments]
    return {"first": first, "again": again, "lengths": lengths}


@scenario
def stopped_by_early_stopping() -> Any:
    stop = keras.callbacks.EarlyStopping("loss", patience=1, mode="max", baseline=1e9)
    return fitted(model_of(), *arrays(), extra=(stop,), batch_size=2, epochs=9)


@scenario
def interrupted() -> Any:
    model, counting = model_of(), ClockCallback()
    witness, stop = Witness(counting.clock), Stops(10, KeyboardInterrupt)
    with contextlib.suppress(KeyboardInterrupt):
        model.fit(*arrays(), batch_size=2, epochs=3, verbose=0, callbacks=[counting, witness, stop])
    first = facts(witness, model)
    model.fit(*arrays(), batch_size=2, epochs=2, verbose=0, callbacks=[counting, witness])
    return {"first": first, "again": facts(witness, model)}


@scenario
def until_a_step() -> Any:
    model, counting = model_of(), ClockCallback(until="10st")
    first = fitted(model, *arrays(), clock=counting, batch_size=2, epochs=9)
    try:
        fitted(model, *arrays(), clock=counting, batch_size=2, epochs=9)
    except ValueError as error:
        return {**first, "again": str(error)}
    return first


@scenario
def until_a_step_fused() -> Any:
    return fitted(model_of(3), *arrays(), clock=ClockCallback(until="10st"), batch_size=2, epochs=9)


@scenario
def trained_before_in_windows() -> Any:
    """A window of 3 is open with 1 batch when the clock comes."""
    model = model_of(accumulate=3)
    model.fit(*arrays(), batch_size=2, epochs=1, verbose=0)
    return fitted(model, *arrays(), batch_size=2, epochs=2)


if BACKEND == "tensorflow":

    @scenario
    def mirrored() -> Any:
        """Two replicas: a batch of 4 is 2 and 2, and the last one of 2 is 1 and 1."""
        import tensorflow as tf  # noqa: PLC0415

        with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
            model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
            model.compile("sgd", "mse")
        counting = ClockCallback()
        model.fit(*arrays(14), batch_size=4, epochs=2, verbose=0, callbacks=[counting])
        clock = counting.clock
        return [clock.batch, clock.step, clock.sample, number(model.optimizer.iterations)]


@scenario
def train_on_batch_loop() -> Any:
    model, length = model_of(accumulate=3), 7
    clock = sb.StepClock(batches_per_epoch=length, epochs=2, accumulate=3, boundary="carry")
    rows = []
    for _ in clock.epochs():
        for x, y in clock.batches(generator(length)):
            model.train_on_batch(x, y)
            rows.append([clock.batch, clock.step, number(model.layers[0].batches), number(model.optimizer.iterations)])
    return {"rows": rows}


def scaled(per_call: int = 1, accumulate: int | None = None, scale: float = 2.0**20) -> Any:
    inner = keras.optimizers.SGD(0.01, gradient_accumulation_steps=accumulate)
    keras.utils.set_random_seed(1)
    layers = [keras.Input((2,)), Tally(), keras.layers.Dense(1, use_bias=False, dtype="mixed_float16")]
    model = keras.Sequential(layers)
    optimizer = keras.optimizers.LossScaleOptimizer(inner, initial_scale=scale)
    model.compile(optimizer, "mse", steps_per_execution=per_call)
    return model


@scenario
def updates_left_out() -> Any:
    x, y = arrays()
    return fitted(scaled(), x, 8 * y, batch_size=2, epochs=3)


@scenario
def updates_left_out_fused() -> Any:
    x, y = arrays()
    return fitted(scaled(3), x, 8 * y, batch_size=2, epochs=3)


@scenario
def updates_left_out_of_windows() -> Any:
    x, y = arrays()
    return fitted(scaled(1, 3), x, 8 * y, batch_size=2, epochs=3)


@scenario
def windows_below_a_loss_scale() -> Any:
    return fitted(scaled(1, 3, 1.0), *arrays(), batch_size=2, epochs=3)


@scenario
def loss_scale_by_policy() -> Any:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.01), "mse")
    finally:
        keras.config.set_dtype_policy("float32")
    counting = ClockCallback()
    model.fit(*arrays(), batch_size=2, epochs=2, verbose=0, callbacks=[counting])
    clock, optimizer = counting.clock, type(model.optimizer).__name__
    updates = number(model.optimizer.iterations)
    return {"optimizer": optimizer, "step": clock.step, "applied": clock.applied, "iterations": updates}
