"""A local S3 for the tests: moto as a process on loopback, and a server in front of it that breaks what a test says."""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SECRET = "wJalrXUtnFEMI-this-is-the-secret"


class ObjectServer(NamedTuple):
    """A server of objects."""

    url: str

    @property
    def options(self) -> dict[str, object]:
        """What obstore needs to read it."""
        return {
            "endpoint": self.url,
            "region": "us-east-1",
            "access_key_id": "key",
            "secret_access_key": SECRET,
            "client_options": {"allow_http": True},
        }

    @property
    def environment(self) -> dict[str, str]:
        """The same, as a process has it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ALLOW_HTTP": "true",
        }

    def ask(self, method: str, path: str, body: bytes | None = None) -> None:
        """Make a request."""
        request = urllib.request.Request(f"{self.url}/{path}", data=body, method=method)
        # As a form, the server would not find the body.
        request.add_header("Content-Type", "application/octet-stream")
        # It checks no signature, but whoever has none may not replace an object.
        credential = "Credential=key/20260101/us-east-1/s3/aws4_request"
        request.add_header("Authorization", f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=none")
        urllib.request.urlopen(request, timeout=60).close()

    def put(self, path: str, body: bytes) -> None:
        """Put an object: bucket and key."""
        self.ask("PUT", path, body)

    def delete(self, path: str) -> None:
        """Remove an object."""
        self.ask("DELETE", path)

    def upload(self, folder: Path, path: str) -> None:
        """Put every file of a folder below a bucket and a prefix."""
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                self.put(f"{path}/{file.relative_to(folder).as_posix()}", file.read_bytes())


@contextmanager
def object_server() -> Iterator[ObjectServer]:
    """Start the server, and end it."""
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stderr is not None
            found = None
            while found is None:
                line = process.stderr.readline()
                assert line, "the server did not start"
                found = re.search(r"Running on (http://127\.0\.0\.1:\d+)", line)
            # It logs each request; nobody reading would make it wait.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield ObjectServer(found[1])
        finally:
            process.kill()


class Answer(NamedTuple):
    """What the server in front does with a request, instead of passing it on whole."""

    status: int | None = None
    """The status to answer with."""
    cut: int | None = None
    """After how many bytes of the body the connection breaks."""
    first: Callable[[], object] | None = None
    """What to do before the request is passed on."""


class _Front(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, behind: str, rule: Callable[[str, str, str], Answer | None]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind, self.rule = behind.removeprefix("http://"), rule
        self.requests: list[tuple[str, str, str]] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = cast("_Front", self.server)
        request = (self.command, self.path, self.headers.get("Range", ""))
        server.requests.append(request)
        answer = server.rule(*request) or Answer()
        if answer.first is not None:
            answer.first()
        if answer.status is not None:
            self.send_response(answer.status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        behind = http.client.HTTPConnection(server.behind, timeout=60)
        behind.request(self.command, self.path, headers=dict(self.headers))
        found = behind.getresponse()
        body = found.read()
        self.send_response(found.status)
        for name, value in found.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        if found.getheader("Content-Length") is None:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if answer.cut is None else body[: answer.cut])
        if answer.cut is not None:
            self.close_connection = True

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Front(NamedTuple):
    """The server in front."""

    server: ObjectServer
    requests: list[tuple[str, str, str]]
    """Method, path and range of each request."""


@contextmanager
def in_front(behind: ObjectServer, rule: Callable[[str, str, str], Answer | None]) -> Iterator[Front]:
    """Start a server that passes requests on as `rule` says, by method, path and range; and end it."""
    with _Front(behind.url, rule) as front:
        thread = threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield Front(ObjectServer(f"http://127.0.0.1:{front.server_address[1]}"), front.requests)
        finally:
            front.shutdown()
            thread.join()
