"""What TensorBoard shows of a folder: by its Python reader, EventAccumulator, and by its Rust data server."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TypeAlias

import grpc
import tensorboard_data_server
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.data.proto import data_provider_pb2 as messages
from tensorboard.data.proto import data_provider_pb2_grpc as service
from tensorboard.util import tensor_util

#: (step, value) of each record, by run and tag, in the order in which they are shown.
Shown: TypeAlias = dict[tuple[str, str], list[tuple[int, float]]]

LIMIT = [("grpc.max_receive_message_length", -1)]


def by_accumulator(folder: Path) -> Shown:
    """Load each folder of event files as TensorBoard's Python process does; nothing sampled, purged as it purges."""
    shown: Shown = {}
    for root, _, files in os.walk(folder):
        if not any("tfevents" in name for name in files):
            continue
        events = EventAccumulator(root, size_guidance={"scalars": 0, "tensors": 0})
        events.Reload()
        run = os.path.relpath(root, folder)
        for tag in events.Tags()["scalars"]:
            shown[run, tag] = [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["tensors"]:
            if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
                shown[run, tag] = [
                    (event.step, tensor_util.make_ndarray(event.tensor_proto).item()) for event in events.Tensors(tag)
                ]
    return {key: records for key, records in shown.items() if records}


def by_server(folder: Path) -> Shown:
    """Load all runs below a folder with the data server, which keeps everything."""
    with tempfile.TemporaryDirectory() as scratch:
        port_file = Path(scratch) / "port"
        binary = tensorboard_data_server.server_binary()
        options = ["--port=0", f"--port-file={port_file}", "--reload=once", "--samples-per-plugin=scalars=all"]
        command = [binary, f"--logdir={folder}", "--verbose", *options]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            try:
                assert any(re.search(r"Finished load cycle", line) for line in server.stderr or ())
                return ask(int(port_file.read_text()))
            finally:
                server.kill()


def ask(port: int) -> Shown:
    with grpc.insecure_channel(f"localhost:{port}", options=LIMIT) as channel:
        answer = service.TensorBoardDataProviderStub(channel).ReadScalars(
            messages.ReadScalarsRequest(
                experiment_id="",
                plugin_filter=messages.PluginFilter(plugin_name="scalars"),
                run_tag_filter=messages.RunTagFilter(),
                downsample=messages.Downsample(num_points=2**31 - 1),
            )
        )
    return {
        (run.run_name, tag.tag_name): list(zip(tag.data.step, tag.data.value, strict=True))
        for run in answer.runs
        for tag in run.tags
    }
