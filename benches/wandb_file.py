"""Writes and reads W&B's offline files as wandb 0.25 does, the last version that ships a reader in Python.

It is run as a program, by an interpreter that has wandb 0.25 and nothing of ours: `write FILE RECORDS`, or `read FILE`,
which prints the seconds and the number of values. Reading is what a user of `DataStore` writes: scan the records,
parse each with wandb's own messages, and take the values of history out of their JSON.
"""

from __future__ import annotations

import json
import sys
import time

from wandb.proto import wandb_internal_pb2 as messages
from wandb.sdk.internal import datastore


def write(file: str, records: int) -> None:
    """Write calls of `wandb.log` with four values each."""
    store = datastore.DataStore()
    store.open_for_write(file)
    for step in range(records):
        values = {
            "train/loss": 2.5 / (1 + step) + 0.123456789,
            "train/accuracy": step / records,
            "lr": 1e-3 * (1 - step / records),
            "epoch": step // 1000,
            "_timestamp": 1.7e9 + step * 0.01,
            "_step": step,
        }
        record = messages.Record(num=step + 1)
        record.history.step.num = step
        for key, value in values.items():
            item = record.history.item.add()
            item.nested_key.append(key)
            item.value_json = json.dumps(value)
        store.write(record)
    store.close()


def read(file: str) -> int:
    """Read every value of history into lists by name; give how many there are, the library's own left out."""
    store = datastore.DataStore()
    store.open_for_scan(file)
    columns: dict[str, list[float]] = {}
    while (data := store.scan_data()) is not None:
        record = messages.Record()
        record.ParseFromString(data)
        for item in record.history.item:
            name = ".".join(item.nested_key) or item.key
            columns.setdefault(name, []).append(json.loads(item.value_json))
    return sum(len(column) for name, column in columns.items() if not name.startswith("_"))


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(sys.argv[2], int(sys.argv[3]))
    else:
        begin = time.perf_counter()
        count = read(sys.argv[2])
        print(time.perf_counter() - begin, count)
