"""Which past a draft is tried on."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from crm.forms.base import DateInput
from crm.lib.zones import instant
from journeys.models import Backtest
from journeys.simulation.backtest.backtest import LONGEST

USUAL_EVENTS, MOST_EVENTS = 20_000, 200_000
LATELY = {timedelta(days=n) for n in (7, 30, 90)}


class BacktestForm(forms.Form):
    """The last days, or from one day to another; how many events at most, and what an SMS costs."""

    days = forms.ChoiceField(
        label=_("Over"),
        choices=[
            ("7", _("the last 7 days")), ("30", _("the last 30 days")), ("90", _("the last 90 days")),
            ("dates", _("from one day to another")),
        ],
        initial="30",
    )  # fmt: skip
    first = forms.DateField(label=_("From"), required=False, widget=DateInput())
    last = forms.DateField(label=_("To"), required=False, widget=DateInput(), help_text=_("This day included."))
    most = forms.IntegerField(
        label=_("Events at most"), min_value=1, max_value=MOST_EVENTS, initial=USUAL_EVENTS,
        help_text=_("Of those that would have started it, the latest."),
    )  # fmt: skip
    price = forms.DecimalField(
        label=_("Price of an SMS segment"), required=False, min_value=0, max_value=Decimal(1000), max_digits=9,
        decimal_places=5,
    )  # fmt: skip

    def __init__(self, data: Any = None, *, tz: ZoneInfo, now: datetime, **kwargs: Any) -> None:
        super().__init__(data, use_required_attribute=False, **kwargs)
        self._zone, self._now = tz, now

    @staticmethod
    def initial_of(run: Backtest, tz: ZoneInfo) -> dict[str, Any]:
        """What was chosen for `run`."""
        price = None if run.sms_price is None else Decimal(f"{run.sms_price.normalize():f}")  # not 1E+2
        said: dict[str, Any] = {"most": run.most, "price": price}
        length = run.until - run.since
        if run.until == run.asked_at and length in LATELY:
            return said | {"days": str(length.days)}
        first, last = (at.astimezone(tz).date() for at in (run.since, run.last_moment))
        return said | {"days": "dates", "first": first, "last": last}

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("days") == "dates" and not self.errors:
            if not said.get("first") or not said.get("last"):
                self.add_error("first", _t("From which day to which?"))
            elif said["first"] > said["last"]:
                self.add_error("last", _t("It lies before the first day."))
            elif self._begins(said["first"]) >= self._now:
                self.add_error("first", _t("That is still to come."))
            elif said["last"] - said["first"] >= LONGEST:
                self.add_error("last", _t("A year at most."))
        return said

    def span(self) -> tuple[datetime, datetime]:
        """(since, until) of what was said, which is valid: whole days on the shop's clock, or up to now."""
        said = self.cleaned_data
        if said["days"] != "dates":
            return self._now - timedelta(days=int(said["days"])), self._now
        return self._begins(said["first"]), min(self._begins(said["last"] + timedelta(days=1)), self._now)

    def _begins(self, day: date) -> datetime:
        return instant(datetime.combine(day, time()), self._zone)
