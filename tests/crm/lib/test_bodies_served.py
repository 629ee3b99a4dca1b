"""Chunked bodies, as Kotlin clients send them, on the web server we ship."""

from __future__ import annotations

import gzip
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(
        [*command, "tests.crm.lib.body_app:app"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings_test"},
        text=True,
    )
    assert server.stdout is not None
    for line in server.stdout:
        if "Started worker" in line:
            break
    _wait_for(port)
    yield port
    server.terminate()
    server.communicate(timeout=20)


def _wait_for(port: int) -> None:
    """The worker says it has started a moment before it listens."""
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
        else:
            return


def post_in_chunks(port: int, chunks: list[bytes], **headers: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    given = {"Transfer-Encoding": "chunked", **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.request("POST", "/", iter(chunks), given, encode_chunked=True)
    answer = connection.getresponse().read()
    connection.close()
    return answer


def test_chunks_without_a_length_arrive_whole(port: int) -> None:
    assert post_in_chunks(port, [b'{"batch":', b" []}"]) == b'{"batch": []}'


def test_chunks_may_be_gzipped(port: int) -> None:
    packed = gzip.compress(b'{"batch": []}')
    assert post_in_chunks(port, [packed[:9], packed[9:]], Content_Encoding="gzip") == b'{"batch": []}'


def test_chunks_beyond_the_limit_are_refused(port: int) -> None:
    assert post_in_chunks(port, [b"x" * 60, b"x" * 60]) == b"too large"
