"""Addresses of Google Cloud Storage and Azure reach the right server with the right request."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

import stepbridge as sb

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("obstore")

LOG = b"".join(b'{"step": %d, "loss": 0.5}\n' % step for step in range(1, 11))
GOOGLE = f"""<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated><Contents>
<Key>runs/log.jsonl</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"one"</ETag><Size>{len(LOG)}</Size>
</Contents></ListBucketResult>"""
AZURE = f"""<?xml version="1.0"?><EnumerationResults><Blobs><Blob><Name>runs/log.jsonl</Name><Properties>
<Creation-Time>Thu, 01 Jan 2026 00:00:00 GMT</Creation-Time><Last-Modified>Thu, 01 Jan 2026 00:00:00 GMT</Last-Modified>
<Content-Length>{len(LOG)}</Content-Length><Content-Type>text/plain</Content-Type><Etag>one</Etag>
</Properties></Blob></Blobs><NextMarker/></EnumerationResults>"""


class Answers(ThreadingHTTPServer):
    """A server that lists one log, and has it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Answers)
        server.asked.append(f"{self.path} {self.headers.get('If-Match')} {self.headers.get('x-ms-version')}")
        is_list = "?" in self.path and "log.jsonl" not in self.path
        body = ((AZURE if "comp=list" in self.path else GOOGLE).encode()) if is_list else LOG
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"one"')
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Answers]:
    with Answers() as answers:
        thread = threading.Thread(target=answers.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield answers
        answers.shutdown()
        thread.join()


def test_google_cloud_storage(server: Answers) -> None:
    options = {"skip_signature": True, "base_url": server.url, "client_options": {"allow_http": True}}
    logs = sb.read_logs("gs://bucket/runs", storage_options=options)
    assert (logs.runs, len(logs)) == (["."], 10)
    assert server.asked[0].startswith("/bucket?")
    assert "prefix=runs%2F" in server.asked[0]
    assert server.asked[1].startswith('/bucket/runs%2Flog%2Ejsonl "one"')


@pytest.mark.parametrize("scheme", ["az", "azure"])
def test_azure(scheme: str, server: Answers) -> None:
    options = {
        "account_name": "account",
        "skip_signature": True,
        "endpoint": server.url,
        "client_options": {"allow_http": True},
    }
    logs = sb.read_logs(f"{scheme}://box/runs", storage_options=options)
    assert (logs.runs, len(logs)) == (["."], 10)
    assert server.asked[0].startswith("/box?")
    assert "prefix=runs" in server.asked[0]
    assert server.asked[1].startswith("/box/runs/log.jsonl one")
    assert all("None" not in asked.rsplit(" ", 1)[1] for asked in server.asked)


def test_azure_with_its_account_in_the_address(server: Answers) -> None:
    options = {"skip_signature": True, "endpoint": server.url, "client_options": {"allow_http": True}}
    logs = sb.read_logs("abfss://box@account.dfs.core.windows.net/runs", storage_options=options)
    assert len(logs) == 10
    assert server.asked[0].startswith("/box?")
