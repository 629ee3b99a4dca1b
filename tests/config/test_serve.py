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


def test_it_does_not_serve_pages_without_their_styles(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "crm.lib.static_files.StaticFiles"},
    }

    with pytest.raises(CommandError, match="The static files are not collected"):
        call_command("serve", port=0)


def test_files_that_no_page_loads_are_not_collected(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path

    call_command("collectstatic", interactive=False, verbosity=0)

    assert (tmp_path / "css" / "tokens.css").is_file()
    assert (tmp_path / "drf_spectacular_sidecar" / "swagger-ui-dist").is_dir()
    assert not (tmp_path / "drf_spectacular_sidecar" / "redoc").exists()
    assert not (tmp_path / "rest_framework").exists()


def test_a_script_imports_another_by_the_name_that_changes_with_it(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "crm.lib.static_files.StaticFiles"},
    }

    call_command("collectstatic", interactive=False, verbosity=0)

    (rules,) = (tmp_path / "js").glob("rules.*.js")
    (parts,) = (tmp_path / "js").glob("rule_parts.*.js")
    assert f'from "./{parts.name}";' in rules.read_text()
    assert not (tmp_path / "js" / "rule_parts.js").exists()
