"""What the settings pages of messaging share."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def settings_form(
    request: HttpRequest, form: Any, title: str, label: str, parent: tuple[str, str] | None = None
) -> HttpResponse:
    """A settings page that is one form; `parent` is (name, URL name) of the page it belongs to, if to another."""
    context = {"form": form, "title": title, "label": label, "parent": parent}
    return render(request, "crm/settings_form.html", context, status=422 if form.errors else 200)
