"""A script as a form: who, what starts it, what happens when, and by which of the shop's rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from crm.forms.base import DateInput
from crm.forms.customers import zone_choices
from crm.lib.numbers import whole
from crm.lib.phones import InvalidPhone, normalise_phone
from crm.lib.zones import instant, zone
from crm.models import Channel, Customer, Shop, State, Topic
from crm.selectors import suggestions
from journeys.flows.definition import parse_definition
from journeys.flows.plan import Plan
from journeys.flows.steps import Send
from journeys.forms.lines import Lines
from journeys.forms.trial_lines import (
    CapLine,
    ChangeLine,
    ConsentLine,
    EventLine,
    PropertyLine,
    QuietLine,
    WallField,
    as_text,
    filled,
    meant,
    without_line,
)
from journeys.models import Flow
from journeys.simulation.scripts import LONGEST, USUAL_LENGTH, Happening, InvalidScript, Profile, Script, ShopRules
from messaging.outbox.policy import ShopPolicy

MADE_UP, REAL = "made_up", "real"
SAMPLE = {"name": "Ploy Jaidee", "phone": "+66812345678", "email": "ploy@example.com", "line_id": "U4af4980629"}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """
    What a script can be about: the flow, what it listens for and what it sends.

    Attributes:
        trigger: the event that starts it; "" when people or the calendar do.
        begins_with: properties that an event which starts it has.
        asks: (channel, topic) of every message it may send.
    """

    flow: Flow
    definition: Mapping[str, Any]
    shop: Shop
    trigger: str
    begins_with: Mapping[str, Any]
    asks: Sequence[tuple[str, str]]
    topics: Sequence[tuple[str, str]]
    seen: Sequence[str]

    @classmethod
    def of(cls, flow: Flow, definition: Mapping[str, Any], shop: Shop) -> Setting:
        """Of a definition that is known to have no faults."""
        plan = Plan(parse_definition(definition))
        sends = [step for step in plan.steps.values() if isinstance(step, Send)]
        begins: Json = {test.property: test.value for test in plan.trigger_where if test.op in ("eq", "gte", "lte")}
        if plan.trigger and (key := plan.definition.reentry.key_property):
            begins.setdefault(key.removeprefix("properties."), "A-1001")
        return cls(
            flow=flow, definition=definition, shop=shop, trigger=plan.trigger, begins_with=begins,
            asks=sorted({(channel, send.topic) for send in sends for channel in send.channels}),
            topics=list(Topic.objects.order_by("name").values_list("slug", "name")),
            seen=suggestions.properties_of(plan.trigger) if plan.trigger else [],
        )  # fmt: skip

    def first_script(self, now: datetime) -> Json:
        """What the form shows at first: somebody who can be reached and has agreed, at ten this morning."""
        tz = ZoneInfo(self.shop.time_zone)
        start = instant(now.astimezone(tz).replace(hour=10, minute=0, second=0, microsecond=0, tzinfo=None), tz)
        consents: dict[str, dict[str, str]] = {}
        for channel, topic in self.asks:
            consents.setdefault(channel, {})[topic] = str(State.IN)
        return {
            "profile": {**SAMPLE, "language": self.shop.language, "consents": consents},
            "start": start.isoformat(), "until": (start + USUAL_LENGTH).isoformat(), "events": [],
            "trigger": {"event": self.trigger, "properties": dict(self.begins_with)},
        }  # fmt: skip


class ScriptForm(forms.Form):
    """The plain fields of a script; its lists stand in lines of their own."""

    who = forms.ChoiceField(
        label=_("Who"), choices=[(MADE_UP, _("Somebody made up")), (REAL, _("A customer"))], widget=forms.RadioSelect()
    )
    q = forms.CharField(label=_("Name, number or address"), max_length=100, required=False)
    customer = forms.UUIDField(required=False, widget=forms.HiddenInput())
    name = forms.CharField(label=_("Name"), max_length=200, required=False)
    language = forms.ChoiceField(label=_("Language"), required=False)
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=zone_choices, required=False)
    phone = forms.CharField(label=_("Phone"), max_length=60, required=False)
    email = forms.EmailField(label=_("Email"), max_length=254, required=False)
    line_id = forms.CharField(label=_("LINE id"), max_length=64, required=False)
    birthday = forms.DateField(label=_("Birthday"), required=False, widget=DateInput())
    tags = forms.CharField(
        label=_("Tags"), max_length=1000, required=False, help_text=_("Several are separated by commas.")
    )
    start = WallField(label=_("Begins"))
    until = WallField(label=_("Watch until"), required=False, help_text=_("Left empty: 60 days."))
    quiet = forms.ChoiceField(
        label=_("Quiet hours"), choices=[("shop", _("as the shop has them")), ("own", _("these"))], required=False
    )
    caps = forms.ChoiceField(
        label=_("Limits on promotions"), choices=[("shop", _("as the shop has them")), ("own", _("these"))],
        required=False,
    )  # fmt: skip
    shop_zone = forms.ChoiceField(label=_("The shop's time zone"), required=False)

    def __init__(self, setting: Setting, initial: Json, data: Mapping[str, Any] | None) -> None:
        super().__init__(data, initial=initial, use_required_attribute=False)
        self.setting = setting
        fields: Any = self.fields
        fields["language"].choices = [("", _("as the shop")), *settings.LANGUAGES]
        fields["shop_zone"].choices = [("", _("as it is")), *zone_choices()[1:]]
        told = {name for name in initial if name.startswith("consent-")}
        asked = sorted({f"consent-{channel}-{topic}" for channel, topic in setting.asks} | told)
        states = [("", _("never asked")), *State.choices]
        for name in asked:
            channel, topic = name.split("-", 2)[1:]
            label = f"{Channel(channel).label}: {_t(dict(setting.topics).get(topic, topic))}"
            fields[name] = forms.ChoiceField(label=label, choices=states, required=False)

    @property
    def consents(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith("consent-")]

    def clean_phone(self) -> str:
        said = str(self.cleaned_data["phone"]).strip()
        try:
            return normalise_phone(said, self.setting.shop.country) if said else ""
        except InvalidPhone as error:
            raise forms.ValidationError(_t("This is not a phone number.")) from error


class KeepForm(forms.Form):
    """Under which name what came of a script is kept as a test."""

    test_name = forms.CharField(label=_("Name of the test"), max_length=100)
    texts = forms.BooleanField(label=_("The messages must say the same, too"), required=False, initial=True)


class ScriptEditor:
    """
    The form of a script with its lines.

    Args:
        script: JSON as journeys.simulation.stored writes it, shown at first.
        customers: those the reader may see.
    """

    def __init__(
        self, setting: Setting, script: Json, customers: Any, data: QueryDict | None = None, customer: str = ""
    ) -> None:
        data, more = _edited(data)
        self.setting, self._customers = setting, customers
        profile, shop = script["profile"], script.get("shop", {})
        tz = zone(profile.get("timezone", ""), shop.get("timezone") or setting.shop.time_zone)
        self.form = ScriptForm(setting, {**_initial(script, tz), **_whose(customer)}, data)
        chosen = self.form["customer"].value()
        self.customer: Customer | None = _found(customers, chosen)
        told = [_local(event, tz) for event in script["events"]]
        consents = [{**it, **it["consent"]} for it in told if "consent" in it]
        changes = [
            {"at": it["at"], "name": name, "value": "" if value is None else as_text(value)}
            for it in told for name, value in it.get("attributes", {}).items()
        ]  # fmt: skip
        trigger = script.get("trigger", {}).get("properties", {})
        quiet = [
            {"channel": channel, "starts": it["from"][:5], "ends": it["to"][:5], "all": it.get("topics") == "all"}
            for channel, it in shop.get("quiet_hours", {}).items()
        ]

        def lines(kind: Any, name: str, entries: Sequence[Any], **extra: Any) -> Lines:
            return Lines(kind, name, entries if data is None else [], data, spare=more == name, **extra)

        self.attributes = lines(PropertyLine, "attribute", _pairs(profile.get("attributes", {})))
        self.properties = lines(PropertyLine, "property", _pairs(trigger))
        self.events = lines(EventLine, "event", [it for it in told if "event" in it])
        self.consents = lines(ConsentLine, "consents", consents, topics=[(s, _t(n)) for s, n in setting.topics])
        self.changes = lines(ChangeLine, "change", changes)
        self.quiet = lines(QuietLine, "window", quiet)
        self.caps = lines(CapLine, "cap", shop.get("caps", []))
        self._told: list[forms.Form] = []  # the line behind each of the script's events

    @property
    def matches(self) -> list[Customer]:
        """Customers whom the search finds."""
        words = str(self.form["q"].value() or "").replace("\0", "").strip()[:100]
        found = self._customers.known().matching(words).order_by("-last_seen_at", "-pk") if words else []
        return list(found[:8])

    def is_valid(self) -> bool:
        """Whether a script can be made of it; what is wrong is said at its field."""
        every = (self.attributes, self.properties, self.events, self.consents, self.changes, self.quiet, self.caps)
        valid = [self.form.is_valid(), *(lines.is_valid() for lines in every)]  # all, so that every fault is shown
        if not all(valid):
            return False
        said = self.form.cleaned_data
        if said["who"] == REAL and self.customer is None:
            self.form.add_error("q", _t("Which customer? Search for them and choose one."))
        start, until = self._span()
        if not timedelta(0) <= until - start <= LONGEST:
            self.form.add_error("until", _t("It lies before the beginning, or more than five years after it."))
        return self.form.is_valid()

    @property
    def zone(self) -> ZoneInfo:
        """By whose clock the times of the form are read: the customer's."""
        said = self.form.cleaned_data
        theirs = self.customer.time_zone if said["who"] == REAL and self.customer else said["time_zone"]
        return zone(theirs, said["shop_zone"] or self.setting.shop.time_zone)

    @property
    def shop_zone(self) -> ZoneInfo:
        """The shop's clock, on this occasion."""
        return ZoneInfo(self.form.cleaned_data["shop_zone"] or self.setting.shop.time_zone)

    def script(self) -> Script:
        """What the form says, which is valid."""
        said, (start, until) = self.form.cleaned_data, self._span()
        real = self.customer if said["who"] == REAL else None
        happenings = list(self._happenings())
        self._told = [line for line, _happening in happenings]
        properties = {it["name"]: meant(it["value"]) for _n, it, _l in filled(self.properties.forms)}
        return Script(
            definition=self.setting.definition,
            flow=self.setting.flow,
            who=real or self._profile(),
            start=start,
            until=until,
            trigger=Happening(start, self.setting.trigger, properties) if self.setting.trigger or properties else None,
            events=[happening for _line, happening in happenings],
            rules=self._rules(),
        )

    def refuse(self, error: InvalidScript) -> None:
        """Say at its field what cannot be played."""
        where, *rest = error.path
        if where == "events" and int(rest[0]) < len(self._told):
            line = self._told[int(rest[0])]
            line.add_error("topic" if "topic" in line.fields else None, error.message)
        else:
            name = f"consent-{'-'.join(rest[1:])}"
            self.form.add_error(name if name in self.form.fields else None, error.message)

    def _span(self) -> tuple[datetime, datetime]:
        said = self.form.cleaned_data
        start = instant(said["start"], self.zone)
        return start, instant(said["until"], self.zone) if said.get("until") else start + USUAL_LENGTH

    def _profile(self) -> Profile:
        said = self.form.cleaned_data
        consents: dict[str, dict[str, str]] = {}
        for field in self.form.consents:
            channel, topic = field.name.split("-", 2)[1:]
            if state := said[field.name]:
                consents.setdefault(channel, {})[topic] = state
        return Profile(
            name=said["name"], email=said["email"], phone=said["phone"], line_id=said["line_id"],
            language=said["language"], time_zone=said["time_zone"], birthday=said["birthday"],
            attributes={it["name"]: meant(it["value"]) for _n, it, _l in filled(self.attributes.forms)},
            tags=[name for part in said["tags"].split(",") if (name := part.strip()[:64])],
            consents=consents,
        )  # fmt: skip

    def _happenings(self) -> Iterator[tuple[forms.Form, Happening]]:
        for _number, it, line in filled(self.events.forms):
            yield line, Happening(instant(it["at"], self.zone), it["event"], it["properties"])
        for _number, it, line in filled(self.consents.forms):
            changes = {it["channel"]: {it["topic"]: it["state"]}}
            yield line, Happening(instant(it["at"], self.zone), consents=changes)
        for _number, it, line in filled(self.changes.forms):
            value = meant(it["value"]) if it["value"] else None
            yield line, Happening(instant(it["at"], self.zone), attributes={it["name"]: value})

    def _rules(self) -> ShopRules:
        said, quiet, caps = self.form.cleaned_data, None, None
        if said["quiet"] == "own":
            windows = [it for _number, it, _line in filled(self.quiet.forms) if it["channel"]]
            quiet = ShopPolicy.from_json(
                {
                    it["channel"]: {
                        "from": it["starts"].isoformat(), "to": it["ends"].isoformat(),
                        "topics": "all" if it["all"] else "marketing",
                    }
                    for it in windows
                },
                [],
            )  # fmt: skip
        if said["caps"] == "own":
            limits = [it for _number, it, _line in filled(self.caps.forms)]
            caps = ShopPolicy.from_json({}, [{"per": it["per"], "limit": it["limit"]} for it in limits])
        return ShopRules(said["shop_zone"] or None, quiet, caps)


def _edited(data: QueryDict | None) -> tuple[QueryDict | None, str]:
    """What was sent, less the line that was to go; and the list that was to get another line."""
    if data is None:
        return None, ""
    name, _dash, said = data.get("drop", "").rpartition("-")
    number = whole(said)
    return without_line(data, name, number) if name and number is not None else data, data.get("more", "")


def _initial(script: Json, tz: ZoneInfo) -> Json:
    profile, shop = script["profile"], script.get("shop", {})
    plain = ("name", "email", "phone", "line_id", "language", "birthday")
    consents = {
        f"consent-{channel}-{topic}": state
        for channel, of in profile.get("consents", {}).items() for topic, state in of.items()
    }  # fmt: skip
    return {
        "who": MADE_UP,
        **{name: profile[name] for name in plain if name in profile},
        "time_zone": profile.get("timezone", ""),
        "tags": ", ".join(profile.get("tags", ())),
        "start": _wall(script["start"], tz),
        "until": _wall(script["until"], tz),
        "quiet": "own" if "quiet_hours" in shop else "shop",
        "caps": "own" if "caps" in shop else "shop",
        "shop_zone": shop.get("timezone", ""),
        **consents,
    }


def _whose(customer: str) -> Json:
    return {"who": REAL, "customer": customer} if customer else {}


def _found(customers: Any, public_id: Any) -> Customer | None:
    try:
        said = forms.UUIDField().clean(public_id) if public_id else None
    except forms.ValidationError:
        return None
    found: Customer | None = customers.filter(public_id=said).first() if said else None
    return found


def _local(event: Json, tz: ZoneInfo) -> Json:
    return {**event, "at": _wall(event["at"], tz)}


def _wall(moment: str, tz: ZoneInfo) -> datetime:
    return datetime.fromisoformat(moment).astimezone(tz).replace(tzinfo=None)


def _pairs(values: Mapping[str, Any]) -> list[Json]:
    return [{"name": name, "value": as_text(value)} for name, value in values.items()]
