"""The names of the formats that are read."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

__all__ = ["FORMATS", "Format"]

#: The formats that are read.
Format: TypeAlias = Literal[
    "tfevents",
    "lightning_csv",
    "keras_csv",
    "trainer_state",
    "mmengine",
    "mmcv",
    "detectron2",
    "ultralytics",
    "sb3",
    "mlflow",
    "mlflow_db",
    "wandb",
    "wandb_history",
    "csv",
    "jsonl",
    "text",
]

FORMATS: tuple[Format, ...] = get_args(Format)
