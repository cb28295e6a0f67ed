"""What TensorBoard shows of a folder: by its Python reader, EventAccumulator, and by its Rust data server."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import grpc
import tensorboard_data_server
from tensorboard.backend.event_processing.event_accumulator import STORE_EVERYTHING_SIZE_GUIDANCE, EventAccumulator
from tensorboard.data.proto import data_provider_pb2 as messages
from tensorboard.data.proto import data_provider_pb2_grpc as service
from tensorboard.util import tensor_util

if TYPE_CHECKING:
    from collections.abc import Iterator

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


#: What a reader has of a summary that is not a number: the step, the time, the content.
Content: TypeAlias = tuple[int, float, bytes]
#: All of them by kind, run and tag, in the order in which they are shown.
Kept: TypeAlias = dict[tuple[str, str, str], list[Content]]

#: The plugins whose summaries the data server has as tensors.
PLUGINS = ("scalars", "histograms", "text", "hparams", "pr_curves", "mesh")


def kept_by_accumulator(folder: Path) -> Kept:
    """Load everything below a folder as TensorBoard's Python process does: images, histograms and tensors too."""
    kept: Kept = {}
    for root, _, files in os.walk(folder):
        if not any("tfevents" in name for name in files):
            continue
        events = EventAccumulator(root, size_guidance=STORE_EVERYTHING_SIZE_GUIDANCE)
        events.Reload()
        run = os.path.relpath(root, folder)
        tags = events.Tags()
        for tag in tags["images"]:
            kept["image", run, tag] = [(at.step, at.wall_time, at.encoded_image_string) for at in events.Images(tag)]
        for tag in tags["histograms"]:
            kept["histogram", run, tag] = [
                (at.step, at.wall_time, repr(at.histogram_value).encode()) for at in events.Histograms(tag)
            ]
        for tag in tags["tensors"]:
            try:
                plugin = events.SummaryMetadata(tag).plugin_data.plugin_name or "tensor"
            except KeyError:  # a tensor that is no plugin's
                plugin = "tensor"
            kept[plugin, run, tag] = [
                (at.step, at.wall_time, at.tensor_proto.SerializeToString(deterministic=True))
                for at in events.Tensors(tag)
            ]
    return kept


def kept_by_server(folder: Path) -> Kept:
    """Load the same with the data server."""
    with served(folder) as server:
        kept: Kept = {}
        rest = {"run_tag_filter": messages.RunTagFilter(), "downsample": messages.Downsample(num_points=2**31 - 1)}
        for plugin in PLUGINS:
            request = messages.ReadTensorsRequest(plugin_filter=messages.PluginFilter(plugin_name=plugin), **rest)
            for run in server.ReadTensors(request).runs:
                for tag in run.tags:
                    contents = [value.SerializeToString(deterministic=True) for value in tag.data.value]
                    columns = zip(tag.data.step, tag.data.wall_time, contents, strict=True)
                    kept[plugin, run.run_name, tag.tag_name] = list(columns)
        images = messages.ReadBlobSequencesRequest(plugin_filter=messages.PluginFilter(plugin_name="images"), **rest)
        for run in server.ReadBlobSequences(images).runs:
            for tag in run.tags:
                blobs = [b"".join(blob(server, ref.blob_key) for ref in value.blob_refs) for value in tag.data.values]
                columns = zip(tag.data.step, tag.data.wall_time, blobs, strict=True)
                kept["images", run.run_name, tag.tag_name] = list(columns)
        return kept


def blob(server: service.TensorBoardDataProviderStub, key: str) -> bytes:
    return b"".join(part.data for part in server.ReadBlob(messages.ReadBlobRequest(blob_key=key)))


def by_server(folder: Path) -> Shown:
    """Load the numbers of all runs below a folder with the data server, which keeps everything."""
    with served(folder) as server:
        answer = server.ReadScalars(
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


@contextmanager
def served(folder: Path) -> Iterator[service.TensorBoardDataProviderStub]:
    """Start the data server on a folder; it is asked when it has loaded everything."""
    with tempfile.TemporaryDirectory() as scratch:
        port_file = Path(scratch) / "port"
        binary = tensorboard_data_server.server_binary()
        samples = ",".join(f"{plugin}=all" for plugin in (*PLUGINS, "images"))
        options = ["--port=0", f"--port-file={port_file}", "--reload=once", f"--samples-per-plugin={samples}"]
        command = [binary, f"--logdir={folder}", "--verbose", *options]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            try:
                assert any(re.search(r"Finished load cycle", line) for line in server.stderr or ())
                port = int(port_file.read_text())
                with grpc.insecure_channel(f"localhost:{port}", options=LIMIT) as channel:
                    yield service.TensorBoardDataProviderStub(channel)
            finally:
                server.kill()
