"""Writes tables with Keras' own CSVLogger: `python -m adapters.keras_csv_logger FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

x = np.arange(12.0).reshape(6, 2) / 12
y = x.sum(axis=1)


def fit(file: Path, *, epochs: int, begin: int = 0, metrics: tuple[str, ...] = (), **warned: Any) -> None:
    """Train a model of one layer, and let the CSVLogger write."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=list(metrics))
    logger = keras.callbacks.CSVLogger(str(file), **warned)
    validation = (x, y) if metrics else None
    model.fit(
        x,
        y,
        batch_size=3,
        epochs=epochs,
        initial_epoch=begin,
        validation_data=validation,
        validation_freq=2,
        verbose=0,
        callbacks=[logger],
    )


def main(folder: Path) -> None:
    """Write a plain table, one of two runs, and one whose second run has other columns."""
    fit(folder / "plain.csv", epochs=3)
    fit(folder / "again.log", epochs=4, metrics=("mae",), separator=";")
    fit(folder / "again.log", epochs=2, metrics=("mae",), separator=";", append=True)
    fit(folder / "again.log", epochs=4, begin=2, metrics=("mae",), separator=";", append=True)
    fit(folder / "other.log", epochs=2, separator="\t")
    fit(folder / "other.log", epochs=2, metrics=("mae",), separator="\t", append=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
