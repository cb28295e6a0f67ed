"""The warnings of every adapter point at the user's line, whatever lies between it and the adapter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import stepbridge.adapters

ADAPTERS = Path(next(iter(stepbridge.adapters.__path__)))
SCRIPT = Path(__file__).with_name("warning_through.py")

#: The modules through which a framework calls an adapter, the user's side first.
THROUGH = {
    "torch": ("torchdata.stateful_dataloader", "torch.optim.optimizer", "contextlib"),
    "keras": ("keras.src.trainers.trainer", "keras.src.callbacks.callback_list"),
    "tensorflow": ("keras.src.trainers.trainer", "tensorflow.python.training.monitored_session"),
    "transformers": ("trl.trainer.sft_trainer", "accelerate.utils.memory", "transformers.trainer", "torch.optim.sgd"),
    "lightning": ("lightning.pytorch.trainer.trainer", "torch.optim.optimizer", "lightning.fabric.fabric"),
    "accelerate": ("accelerate.accelerator", "torch.optim.optimizer", "accelerate.optimizer"),
    "ignite": ("ignite.engine.engine", "torch.optim.optimizer"),
    "jax": ("orbax.checkpoint.checkpoint_manager", "flax.nnx", "grain.python", "optax.transforms", "jax.api"),
}


def test_every_adapter_is_here() -> None:
    packages = {path.parent.name for path in ADAPTERS.glob("*/__init__.py")}
    assert packages - {"base"} == set(THROUGH)


@pytest.mark.parametrize("adapter", THROUGH)
def test_a_warning_points_at_the_users_line(adapter: str) -> None:
    environment = os.environ | {"USE_TF": "0", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), adapter, *THROUGH[adapter]],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "the user's line\n"


def test_no_adapter_warns_in_another_way() -> None:
    """`clock.warn`, `clock.warn_once` and `stepbridge._errors.warn` look for the user's line."""
    texts = {path: path.read_text(encoding="utf-8") for path in ADAPTERS.rglob("*.py")}
    assert [str(path) for path, text in texts.items() if "import warnings" in text or "warnings.warn" in text] == []
