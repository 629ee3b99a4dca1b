"""The set-up file: what it writes and what it refuses."""

import importlib.util
import re
import socket
import stat
import subprocess
import sys
from types import ModuleType

import pytest
from django.conf import settings


@pytest.fixture
def dev(tmp_path) -> ModuleType:
    """dev.py, as if it lay in an empty folder."""
    spec = importlib.util.spec_from_file_location("dev", settings.BASE_DIR / "dev.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ROOT = tmp_path
    return module


def test_the_demo_writes_its_secrets_once_and_for_the_owner_only(dev, tmp_path):
    dev.write_settings()

    file = tmp_path / ".env"
    written = file.read_text()
    values = dict(re.findall(r"^([A-Z_]+)=(.+)$", written, flags=re.MULTILINE))
    assert set(values) == {"SECRET_KEY", "CREDENTIALS_KEY", "SUPPRESSION_PEPPER", "DEBUG", "HTTPS"}
    assert len({values[name] for name in ("SECRET_KEY", "CREDENTIALS_KEY", "SUPPRESSION_PEPPER")}) == 3
    assert min(len(values[name]) for name in ("SECRET_KEY", "CREDENTIALS_KEY", "SUPPRESSION_PEPPER")) == 64
    assert (values["DEBUG"], values["HTTPS"]) == ("false", "false")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    dev.write_settings()

    assert file.read_text() == written


def test_a_port_that_somebody_asked_for_is_not_swapped_for_another(dev):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(SystemExit, match=f"port {port} is taken; choose another with --port"):
            dev.choose_port(port)


def test_a_free_port_that_somebody_asked_for_is_theirs(dev):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    assert dev.choose_port(port) == port


@pytest.mark.parametrize("arguments", [[], ["fly"]])
def test_without_a_verb_it_knows_it_explains_itself(arguments):
    done = subprocess.run([sys.executable, "dev.py", *arguments], cwd=settings.BASE_DIR, capture_output=True, text=True)

    assert done.returncode == 1
    assert "python3 dev.py demo" in done.stderr


def test_the_locks_carry_hashes_and_no_address():
    for name in ("base", "dev"):
        lock = (settings.BASE_DIR / "requirements" / f"{name}.txt").read_text()
        assert "://" not in lock
        pins = re.findall(r"^[a-z0-9-]+(?:\[[a-z,-]+\])?==", lock, flags=re.MULTILINE)
        assert len(pins) > 40
        assert lock.count("--hash=sha256:") >= len(pins)


def test_what_asks_no_database_runs_once_and_is_known_by_its_mark(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("pure") is not None


@pytest.mark.django_db
def test_what_asks_a_database_runs_on_both(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("pure") is None
