"""What a server that runs this answers with: the body as `read_body` reads it. For test_bodies_served."""

from collections.abc import Callable, Iterable
from typing import Any

import django
from django.core.handlers.wsgi import WSGIRequest

from crm.lib.bodies import BodyTooLarge, read_body

django.setup()


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        return [read_body(WSGIRequest(environ), 100)]
    except BodyTooLarge:
        return [b"too large"]
