"""Runs TensorBoard's own Rust data server on a folder and takes the time from its own log.

The server loads in the background and says on stderr how long a load cycle took. That is the time taken here: it
leaves out the start of the process and the way over gRPC, which a user of the server pays on top. The server is also
asked, over gRPC, for every point, so that a load that dropped some cannot pass for a fast one.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

import grpc
import tensorboard_data_server
from tensorboard.data.proto import data_provider_pb2 as messages
from tensorboard.data.proto import data_provider_pb2_grpc as service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNITS = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0}
FINISHED = re.compile(r"Finished load cycle \(([0-9.]+)(ns|µs|ms|s)\)")


@contextmanager
def loaded(logdir: Path) -> Iterator[tuple[float, int]]:
    """Serve a folder once, everything kept and checksummed; give the seconds of the load and the server's port."""
    with tempfile.TemporaryDirectory() as folder:
        port_file = f"{folder}/port"
        command = [
            tensorboard_data_server.server_binary(),
            f"--logdir={logdir}",
            "--port=0",
            f"--port-file={port_file}",
            "--reload=once",
            "--checksum",
            "--samples-per-plugin=scalars=all",
            "--verbose",
        ]
        server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            seconds = _seconds(server)
            with open(port_file) as file:  # noqa: PTH123 - a name inside a temporary folder
                yield seconds, int(file.read())
        finally:
            server.kill()
            server.communicate()


def _seconds(server: subprocess.Popen[str]) -> float:
    """Wait for the line that ends the first load cycle."""
    lines = []
    for line in server.stderr or ():
        lines.append(line)
        if found := FINISHED.search(line):
            return float(found[1]) * UNITS[found[2]]
    message = "tensorboard-data-server ended before its first load cycle did:\n" + "".join(lines)
    raise RuntimeError(message)


def load_seconds(logdir: Path) -> float:
    """Load a folder once and return the seconds that it took."""
    with loaded(logdir) as (seconds, _):
        return seconds


def count_scalars(logdir: Path) -> int:
    """Load a folder once and count the points that the server holds, tag by tag."""
    whole = [("grpc.max_receive_message_length", -1)]
    everything = messages.RunTagFilter()
    with loaded(logdir) as (_, port), grpc.insecure_channel(f"localhost:{port}", options=whole) as channel:
        provider = service.TensorBoardDataProviderStub(channel)
        request = messages.ReadScalarsRequest(
            experiment_id="",
            plugin_filter=messages.PluginFilter(plugin_name="scalars"),
            run_tag_filter=everything,
            downsample=messages.Downsample(num_points=2**31 - 1),
        )
        answer = provider.ReadScalars(request)
        return sum(len(tag.data.step) for run in answer.runs for tag in run.tags)
