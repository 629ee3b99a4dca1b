"""The rule builder's questions: who a rule would find, and what an event's properties are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from crm.access.guards import staff_of, staff_required
from crm.lib.strict_json import InvalidJSON, read_object
from crm.models import Customer, User
from crm.rules import InvalidRule, matching, parse_rule
from crm.rules.leaves.segments import segment_faults
from crm.rules.menu import menu
from crm.rules.schema import Fault
from crm.rules.words import in_words
from crm.selectors import suggestions

SAMPLE = 6


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule, as it is written now, would find; or what is wrong with it."""

    faults: Sequence[Fault] = ()
    words: str = ""
    count: int = 0
    sample: Sequence[Customer] = field(default_factory=list)


def read(text: str) -> Any:
    """
    The JSON of a rule; nothing at all means everybody.

    Raises:
        InvalidRule: the text is no JSON.
    """
    try:
        return read_object(text.encode()) if text.strip() else {}
    except InvalidJSON as error:
        raise InvalidRule([Fault("", _("is not a JSON object"))]) from error


def builder(name: str, text: str, faults: Sequence[Fault] = ()) -> dict[str, Any]:
    """What components/rule_builder.html needs: the form field's `name`, its text, what is wrong with it."""
    return {"name": name, "text": text, "faults": faults, "menu": menu()}


def as_text(rule: Any) -> str:
    """A rule as people read JSON."""
    return orjson.dumps(rule, option=orjson.OPT_INDENT_2).decode()


@require_POST
@staff_required("segments.view")
def preview(request: HttpRequest) -> HttpResponse:
    """
    How many customers of theirs a rule finds, and some of them.

    The rule stands in the field that `as` names, else in `rule`; `of` is the segment it belongs to, if any. With
    `brief` the rule is not said in words, and with `optional` nothing said finds nobody to speak of.
    """
    text = request.POST.get(request.POST.get("as", "rule"), "")
    if "optional" in request.POST and text.strip() in ("", "{}"):
        return HttpResponse()
    shown = _preview(text, request.POST.get("of", ""), staff_of(request))
    return render(request, "components/rule_preview.html", {"preview": shown, "brief": "brief" in request.POST})


def _preview(text: str, of: str, user: User) -> Preview:
    try:
        data = read(text)
        rule = parse_rule(data)
        if faults := segment_faults(data, of=of):
            return Preview(faults)
        people = matching(rule, now=timezone.now()).filter(pk__in=Customer.objects.visible_to(user).values("pk"))
    except InvalidRule as error:
        return Preview(error.faults)
    return Preview(words=in_words(data), count=people.count(), sample=list(people.order_by("-pk")[:SAMPLE]))


@require_GET
@staff_required("segments.view")
def properties(request: HttpRequest) -> HttpResponse:
    """The properties that the latest events named `event` had."""
    name = request.GET.get("event", "").replace("\x00", "")
    return JsonResponse({"event": name, "properties": suggestions.properties_of(name)})
