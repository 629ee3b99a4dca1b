"""How the leaves that journeys add to the rule grammar read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from crm.lib.spans import span_in_words
from crm.rules.words import says
from journeys.models import Health
from journeys.selectors.names import stage_name


@says("stage")
def stage(test: Mapping[str, Any]) -> str:
    names = ", ".join(stage_name(test["journey"], slug) for slug in test["in"])
    said = _("is in %(stages)s") % {"stages": names}
    if test.get("for_at_least"):
        said = _("%(what)s for at least %(span)s") % {"what": said, "span": span_in_words(test["for_at_least"])}
    if test.get("for_at_most"):
        said = _("%(what)s for at most %(span)s") % {"what": said, "span": span_in_words(test["for_at_most"])}
    return said


@says("health")
def health(test: Mapping[str, Any]) -> str:
    return _("is %(health)s") % {"health": ", ".join(str(Health(value).label) for value in test["in"])}
