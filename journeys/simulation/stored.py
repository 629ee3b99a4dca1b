"""Scripts as JSON: the body of `POST flows/simulate/` without its flow. What is written here is read back unchanged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from datetime import UTC, date, datetime
from typing import Any

from crm.models import Customer
from journeys.models import Flow
from journeys.simulation.scripts import Happening, Profile, Script, ShopRules
from messaging.outbox.policy import ShopPolicy

Json = dict[str, Any]
_NAMES = {"time_zone": "timezone"}  # as programs say it


def as_json(script: Script) -> Json:
    """
    The script without its flow.

    Raises:
        TypeError: it is about somebody real, whose record will not stay as it is.
    """
    if isinstance(script.who, Customer):
        raise TypeError("only scripts about somebody made up are kept")
    trigger, shop = script.trigger, rules_as_json(script.rules)
    return {
        "profile": _profile_as_json(script.who),
        "start": _moment(script.start),
        "until": _moment(script.until),
        **({"trigger": {"event": trigger.event, "properties": dict(trigger.properties)}} if trigger else {}),
        "events": [told for happening in script.events for told in _happening_as_json(happening)],
        **({"shop": shop} if shop else {}),
    }


def from_json(data: Mapping[str, Any], *, flow: Flow, definition: Mapping[str, Any]) -> Script:
    """What `as_json` wrote, about this flow and definition."""
    start, trigger = _instant(data["start"]), data.get("trigger")
    return Script(
        definition=definition,
        flow=flow,
        who=profile_of(data["profile"]),
        start=start,
        until=_instant(data["until"]),
        trigger=Happening(start, trigger["event"], trigger["properties"]) if trigger else None,
        events=[happening_of(told, at=_instant(told["at"])) for told in data["events"]],
        rules=rules_of(data.get("shop", {})),
    )


def profile_of(data: Mapping[str, Any]) -> Profile:
    """Somebody made up; what is not said is as `Profile` has it."""
    birthday = data.get("birthday")
    said = {it.name: data[name] for it in fields(Profile) if (name := _NAMES.get(it.name, it.name)) in data}
    return Profile(**{**said, "birthday": date.fromisoformat(birthday) if birthday else None})


def happening_of(told: Mapping[str, Any], *, at: datetime) -> Happening:
    """{"event", "properties"?}, {"consent": {"channel", "topic", "state"}} or {"attributes"} at `at`."""
    consent = told.get("consent")
    return Happening(
        at=at,
        event=told.get("event", ""),
        properties=told.get("properties", {}),
        consents={consent["channel"]: {consent["topic"]: consent["state"]}} if consent else {},
        attributes=told.get("attributes", {}),
    )


def rules_as_json(rules: ShopRules) -> Json:
    """Only what the occasion sets, in the shape that `ShopPolicy.from_json` reads."""
    said: Json = {"timezone": rules.time_zone} if rules.time_zone is not None else {}
    if rules.quiet is not None:
        said["quiet_hours"] = {
            channel: {
                "from": window.starts.isoformat(), "to": window.ends.isoformat(),
                "topics": "marketing" if window.marketing_only else "all",
            }
            for (channel, _country), window in rules.quiet.quiet.items()
        }  # fmt: skip
    if rules.caps is not None:
        said["caps"] = [{"per": cap.per, "limit": cap.limit} for cap in rules.caps.caps]
    return said


def _profile_as_json(profile: Profile) -> Json:
    said = {_NAMES.get(name, name): value for name, value in asdict(profile).items() if value}
    return {**said, **({"birthday": profile.birthday.isoformat()} if profile.birthday else {})}


def _happening_as_json(happening: Happening) -> Iterator[Json]:
    at = {"at": _moment(happening.at)}
    if happening.event:
        yield {**at, "event": happening.event, "properties": dict(happening.properties)}
    for channel, of in happening.consents.items():
        for topic, state in of.items():
            yield {**at, "consent": {"channel": channel, "topic": topic, "state": state}}
    if happening.attributes:
        yield {**at, "attributes": dict(happening.attributes)}


def rules_of(data: Mapping[str, Any]) -> ShopRules:
    """What `rules_as_json` wrote."""
    return ShopRules(
        time_zone=data.get("timezone"),
        quiet=ShopPolicy.from_json(data["quiet_hours"], []) if "quiet_hours" in data else None,
        caps=ShopPolicy.from_json({}, data["caps"]) if "caps" in data else None,
    )


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
