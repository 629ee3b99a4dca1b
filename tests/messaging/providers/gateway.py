"""
A gateway that does as it is told: a real HTTP/1.1 server on loopback, in threads of its own.

    gateway = Gateway(answer=lambda taken: Reply(json={"id": f"ref-{taken.json['key']}"}), key_of=lambda taken: …)
    with gateway:                                    # gateway.address is http://127.0.0.1:<port>
        gateway.will(Reply(429, headers={"Retry-After": "7"}), Silence(), Hangup())
        …                                            # the next three requests get these, later ones what `answer` says
        gateway.taken                                # every request, as it came
        gateway.accepts["the key"]                   # how often a message was accepted

What is in `will` is used in order of arrival. A reply of status 400 or more accepts nothing, unless it says
`accepts=True` (a gateway that takes a message and then fails). `Silence` and `Hangup` accept, unless they say not to.
With `dedupes=True` a key that was accepted gets the same answer again and is not counted twice.
"""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

PATIENCE = 20.0  # seconds after which a test that waits for others is given up


@dataclass(frozen=True)
class Taken:
    """A request as it came; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    port: int  # of the client: tells connections apart

    @cached_property
    def path(self) -> str:
        return urlsplit(self.target).path

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @cached_property
    def json(self) -> Any:
        return json.loads(self.body)

    @cached_property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True)
class Reply:
    """An answer; `json` or else `body`. With `after`, it waits until that event is set."""

    status: int = 200
    json: Any = None
    body: str | bytes = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    accepts: bool | None = None
    after: threading.Event | threading.Barrier | None = None

    @property
    def is_accepted(self) -> bool:
        return self.status < 400 if self.accepts is None else self.accepts

    @property
    def raw(self) -> bytes:
        said = self.body if self.json is None else json.dumps(self.json)
        return said.encode() if isinstance(said, str) else said


@dataclass(frozen=True)
class Silence:
    """The request is taken and the answer never comes."""

    accepts: bool = True


@dataclass(frozen=True)
class Hangup:
    """The request is taken and the connection breaks; with `half`, in the middle of the answer."""

    accepts: bool = True
    half: bool = False


Step = Reply | Silence | Hangup


class Gateway:
    """See the module. Use it as a context manager."""

    def __init__(
        self, *, answer: Callable[[Taken], Reply], key_of: Callable[[Taken], str] = lambda _: "", dedupes: bool = False
    ) -> None:
        self.taken: list[Taken] = []
        self.accepted: list[Taken] = []
        self.accepts: Counter[str] = Counter()
        self._answer, self._key_of, self._dedupes = answer, key_of, dedupes
        self._script: deque[Step] = deque()
        self._known: dict[str, Reply] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def will(self, *steps: Step) -> None:
        """What the next requests get."""
        self._script.extend(steps)

    def together(self, count: int, **reply: Any) -> None:
        """The next `count` requests are answered when all of them are there."""
        barrier = threading.Barrier(count, timeout=PATIENCE)
        self.will(*(Reply(after=barrier, **reply) for _ in range(count)))

    @property
    def connections(self) -> int:
        """How many connections all requests together came by."""
        return len({taken.port for taken in self.taken})

    def __enter__(self) -> Gateway:
        gateway = self

        class Handler(_Handler):
            def serve(self, taken: Taken) -> None:
                gateway._serve(taken, self)

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.end()
        self._thread.join()

    def _serve(self, taken: Taken, handler: _Handler) -> None:
        with self._lock:
            step = self._step(taken)
        if isinstance(step, Silence):
            self._closing.wait()
            handler.hang_up()
        elif isinstance(step, Hangup):
            handler.hang_up(half=step.half)
        else:
            if step.after:
                step.after.wait(*(() if isinstance(step.after, threading.Barrier) else (PATIENCE,)))
            handler.reply(step)

    def _step(self, taken: Taken) -> Step:
        self.taken.append(taken)
        key = self._key_of(taken)
        if self._dedupes and not self._script and key in self._known:
            return self._known[key]
        step = self._script.popleft() if self._script else self._answer(taken)
        if isinstance(step, Reply) and step.status < 400 and step.json is None and not step.body:
            # A bare Reply() in the script: what it would say anyhow.
            step = replace(self._answer(taken), after=step.after)
        if step.is_accepted if isinstance(step, Reply) else step.accepts:
            if not self._dedupes or key not in self._known:
                self.accepts[key] += 1
                self.accepted.append(taken)
            self._known[key] = self._answer(taken)
        return step


@contextmanager
def nobody() -> Iterator[str]:
    """An address where nobody listens, and nobody else can."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def end(self) -> None:
        """Close what clients keep open, so that every thread ends."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that gave up


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def serve(self, taken: Taken) -> None:
        raise NotImplementedError

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.serve(Taken(self.command, self.path, headers, body, self.client_address[1]))

    do_GET = do_POST = do_PUT = handle_any

    def reply(self, step: Reply) -> None:
        raw = step.raw
        self.send_response(step.status)
        kind = "text/html" if step.json is None else "application/json"
        for name, value in {"Content-Type": kind, "Content-Length": str(len(raw)), **step.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def hang_up(self, *, half: bool = False) -> None:
        if half:
            self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"id')
            self.wfile.flush()
        self.close_connection = True

    def log_message(self, *args: Any) -> None:
        pass
