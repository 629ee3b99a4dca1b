"""The kinds of condition that journeys add to the rule builder."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from crm.rules.menu import STANDING, Control, Offer, Pairs, offer, suggests
from journeys.models import Health, Journey, Stage

offer(
    Offer(
        "stage", STANDING, _("Stage of a journey"), {"journey": "", "in": []},
        (
            Control("journey", "choice", _("journey"), "journeys"),
            Control("in", "choices", _("stage"), "stages", by="journey"),
            Control("for_at_least", "span", _("for at least"), optional=True),
            Control("for_at_most", "span", _("for at most"), optional=True),
        ),
    ),
    Offer(
        "health", STANDING, _("Health"), {"journey": "", "in": []},
        (
            Control("journey", "choice", _("journey"), "journeys"),
            Control("in", "choices", _("health"), "healths"),
        ),
    ),
)  # fmt: skip


@suggests("journeys")
def journeys() -> Pairs:
    return [*Journey.objects.values_list("slug", "name")]


@suggests("stages")
def stages() -> dict[str, Pairs]:
    found: dict[str, Pairs] = {}
    rows = Stage.objects.order_by("journey", "rank").values_list("journey__slug", "slug", "name")
    for journey, slug, name in rows:
        found.setdefault(journey, []).append((slug, name))
    return found


@suggests("healths")
def healths() -> Pairs:
    return [*Health.choices]
