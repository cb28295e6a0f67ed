"""The clock inside a model's checkpoints, so that both are of the same moment.

What Keras does (seen on 3.15.1): saving walks over the model's attributes and asks each `KerasSaveable` among them for
its own variables, for `.weights.h5` and `.keras` alike, and so for `ModelCheckpoint` and `BackupAndRestore`. A
checkpoint that lacks an entry hands over an empty store; one that has an entry more is loaded all the same.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from keras.src.saving.keras_saveable import KerasSaveable  # the base of all that Keras saves; it has no public name

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

__all__ = ["Rider"]


class Rider(KerasSaveable):  # type: ignore[misc]  # Keras has no types
    """An attribute of a model that is saved and loaded with its weights."""

    def __init__(self, save: Callable[[], dict[str, Any]], load: Callable[[dict[str, Any]], None]) -> None:
        self._save = save
        self._load = load

    def _obj_type(self) -> str:
        # What Keras looks for in its children: a loss has none.
        return "Loss"

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Writes the state as bytes of JSON; Keras calls it."""
        store["clock"] = np.frombuffer(json.dumps(self._save()).encode(), np.uint8)

    def load_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Reads it, where there is one; Keras calls it."""
        if "clock" in store.keys():  # noqa: SIM118  # Keras's stores are no mappings in full
            self._load(json.loads(np.asarray(store["clock"]).astype(np.uint8).tobytes()))
