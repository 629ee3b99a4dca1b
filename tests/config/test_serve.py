"""The web server refuses clearly what it cannot do."""

import socket

import pytest
from django.core.management import CommandError, call_command


def test_a_port_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(CommandError, match=rf"^127\.0\.0\.1:{port} cannot be used: .*--port\.$"):
            call_command("serve", port=port)


def test_it_needs_at_least_one_process():
    with pytest.raises(CommandError, match="--workers: at least 1"):
        call_command("serve", workers=0)
