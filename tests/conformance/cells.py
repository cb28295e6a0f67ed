"""The columns of the matrix, and the cells that cannot be: data, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["CANNOT", "COLUMNS", "Column"]


@dataclass(frozen=True, slots=True)
class Column:
    """An adapter on one framework: which driver plays its scenarios, in which environment."""

    title: str
    driver: str
    package: str | None
    """What has to be installed."""
    convention: str
    """The framework's own counters, in stepbridge.conventions."""
    environment: dict[str, str] = field(default_factory=dict)
    backend: str | None = None
    restarts: bool = False
    """A checkpoint from inside an epoch begins that epoch again."""
    sees_open_windows: bool = True
    """Whether the adapter sees a batch that closes no step."""
    phantoms: bool = False
    """Whether a batch that never was fills a window where data of unknown length end."""
    reads_ahead: bool = False
    """Whether the framework knows the last batch of data of unknown length when it trains it."""


COLUMNS = {
    "plain": Column("Plain loop", "plain", None, "pytorch_one_based"),
    "torch": Column("PyTorch", "torch_loop", "torch", "pytorch_one_based", backend="torch"),
    **{
        f"keras-{backend}": Column(
            f"Keras ({title})",
            "keras_fit",
            "keras",
            "keras",
            {"KERAS_BACKEND": backend, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"},
            backend=backend,
            restarts=True,
            phantoms=backend == "tensorflow",
        )
        for backend, title in (("tensorflow", "TensorFlow"), ("jax", "JAX"), ("torch", "PyTorch"))
    },
    "tensorflow": Column(
        "TensorFlow loop", "tensorflow_loop", "tensorflow", "tensorflow", {"KERAS_BACKEND": "tensorflow"}
    ),
    "transformers": Column(
        "Hugging Face Trainer", "transformers_trainer", "transformers", "huggingface", {"USE_TF": "0"}
    ),
    "lightning": Column("Lightning", "lightning_trainer", "lightning", "lightning", reads_ahead=True),
    "accelerate": Column("Accelerate", "accelerate_loop", "accelerate", "accelerate", {"USE_TF": "0"}),
    "ignite": Column("Ignite", "ignite_engine", "ignite", "ignite"),
    "jax": Column(
        "JAX loop",
        "jax_loop",
        "optax",
        "optax",
        {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"},
    ),
    "tensorflow1": Column("TF1 session", "tensorflow_session", "tensorflow", "tensorflow", sees_open_windows=False),
}

_KERAS = ("keras-tensorflow", "keras-jax", "keras-torch")
_FUSED = ("fused executions", "fused executions, partial tail")
_FLUSH = ("accumulation, flush", "early stop in a window, flush", "unknown length, flush", "evaluation in between")
_LEFT_OPEN = ("early stop in a window", "early stop in a window, flush")
_LEFT_DROP, _LEFT_SPILL = "early stop in a window, drop", "early stop in a window, spill"
_OPEN_FLUSH, _OPEN_SPILL = "unknown length, flush", "unknown length, spill"
_EVALUATION, _OPTIMIZERS = "evaluation in between", "two optimizers"

#: Why, in which columns, in which scenarios.
_REASONS = (
    ("Keras has no flush: its window crosses epochs", _KERAS, _FLUSH),
    ("Keras has no drop: its window crosses epochs", _KERAS, ("accumulation, drop", _LEFT_DROP)),
    ("a window of Keras begins after an update alone", _KERAS, (_OPEN_SPILL, _LEFT_SPILL)),
    (
        "Keras does not restore an optimizer that accumulates into one that does not: it has other variables",
        _KERAS,
        ("resume in mid-epoch, other accumulation",),
    ),
    ("a model has one optimizer", (*_KERAS, "transformers"), (_OPTIMIZERS,)),
    ("a loop without a framework has no optimizer that is watched", ("plain",), (_OPTIMIZERS,)),
    ("several optimizers of optax are one transformation, which has one state", ("jax",), (_OPTIMIZERS,)),
    ("a session has one global step, whatever raises it", ("tensorflow1",), (_OPTIMIZERS,)),
    ("a hook sees training alone: what a session runs past it is not in a scenario", ("tensorflow1",), (_EVALUATION,)),
    (
        "the framework learns that a batch was the last one after it",
        ("transformers", "ignite", "tensorflow1"),
        (_OPEN_FLUSH,),
    ),
    (
        "a hook sees updates only: it cannot know how many batches are pending when the data end",
        ("tensorflow1",),
        ("unknown length, carry", _OPEN_SPILL),
    ),
    (
        "the Trainer flushes a window at an epoch's end",
        ("transformers",),
        ("accumulation, carry", "accumulation, drop"),
    ),
    (
        "the Trainer begins a window anew after an epoch that was left, or that had no length",
        ("transformers",),
        ("unknown length, carry", *_LEFT_OPEN, _LEFT_DROP),
    ),
    ("the Trainer reports each batch", ("transformers",), _FUSED),
    (
        "Lightning flushes a window at an epoch's end, also where its length is not known",
        ("lightning",),
        ("accumulation, carry", "accumulation, drop", "unknown length, carry", _OPEN_SPILL),
    ),
    ("Lightning drops the window of an epoch that is left", ("lightning",), (*_LEFT_OPEN, _LEFT_SPILL)),
    ("Lightning reports each batch", ("lightning",), _FUSED),
    (
        "an engine keeps the length of an epoch in batches, so inside an epoch it cannot go on with others",
        ("ignite",),
        ("resume in mid-epoch, other batch size",),
    ),
    (
        "Accelerate flushes a window at an epoch's end, or carries it",
        ("accelerate",),
        ("accumulation, drop", _OPEN_SPILL),
    ),
    ("a window of Accelerate goes on after an epoch that is left", ("accelerate",), (_LEFT_DROP, _LEFT_SPILL)),
    ("with Accelerate each batch comes to the loop's body", ("accelerate",), _FUSED),
    ("Ignite reports each batch", ("ignite",), _FUSED),
    ("JAX puts no batch of an odd size on two devices", ("jax",), ("two workers, padded",)),
    (
        "no whole window of 3 samples fits the 8 that are done, so the Trainer cannot go on there",
        ("transformers",),
        ("resume in mid-epoch, other batch size",),
    ),
    ("PyTorch has no fused executions: each batch comes to the loop's body", ("torch",), _FUSED),
    ("Keras takes steps_per_execution=1 only on PyTorch", ("keras-torch",), _FUSED),
    (
        "a skipped update leaves the global step alone, and a hook sees nothing else",
        ("tensorflow1",),
        ("skipped update",),
    ),
    (
        "a session's checkpoint is of its last update: an open window is not in it",
        ("tensorflow1",),
        (*_LEFT_OPEN, _LEFT_DROP, _LEFT_SPILL),
    ),
    (
        "a loop has workers only where a framework shares batches out",
        ("plain",),
        ("two workers", "two workers, padded", "resume at a boundary, other ranks"),
    ),
    (
        "Keras shares batches out on TensorFlow and JAX only",
        ("keras-torch",),
        ("two workers", "resume at a boundary, other ranks"),
    ),
    ("Keras adds no copies: a worker may get less of the last batch", _KERAS, ("two workers, padded",)),
    (
        "tf.data adds no copies: a replica may get less of the last batch",
        ("tensorflow", "tensorflow1"),
        ("two workers, padded",),
    ),
)

CANNOT: dict[tuple[str, str], str] = {
    (scenario, column): reason
    for reason, columns, scenarios in _REASONS
    for column in columns
    for scenario in scenarios
}
