"""
May this message go out now? A pure function: values in, a decision with its inputs out.

The order is fixed, and the first "no" is the answer: who (erased, merged, unreachable) → suppressed address → consent →
open complaint → caps → quiet hours → expiry. The sender asks when sending, never when queueing; the simulator and the
backtest ask the same function under their own clock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from crm.lib.zones import instant
from messaging.channels.reasons import Reason

Period = Literal["day", "week"]
ConsentState = Literal["in", "out"]
ANY_COUNTRY = ""


# --- What is asked about --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """
    The message.

    Attributes:
        is_marketing: its topic needs an opt-in; caps, complaints and (by default) quiet hours apply only then.
        is_answer: we answer the keyword the person has just sent (STOP, HELP). Suppression and consent do not apply.
        over_cap: what to do above a cap: "skip" it, or "hold" it until the cap allows.
    """

    channel: str
    topic: str
    is_marketing: bool
    is_answer: bool = False
    over_cap: Literal["skip", "hold"] = "skip"
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    """
    The person, as far as this channel is concerned.

    Attributes:
        zone: IANA name; days, weeks and quiet hours are theirs.
        country: ISO 3166 code of the address, else the shop's; "" when unknown.
        consent: "in", "out" or None for the message's channel and topic.
        suppressed: scopes in which the address is suppressed: "all", "marketing".
        sent: instants at which counted marketing messages went to this person, on any channel.
    """

    zone: str
    country: str = ""
    has_address: bool = True
    erased: bool = False
    merged: bool = False
    consent: ConsentState | None = None
    suppressed: frozenset[str] = frozenset()
    open_complaint: bool = False
    sent: Sequence[datetime] = ()


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `limit` marketing messages per customer and calendar `per`, over all channels."""

    per: Period
    limit: int


@dataclass(frozen=True, slots=True)
class QuietHours:
    """No sending from `starts` to `ends`, local time; over midnight when `starts` is the later one."""

    starts: time
    ends: time
    marketing_only: bool = True

    def __contains__(self, local: time) -> bool:
        if self.starts <= self.ends:
            return self.starts <= local < self.ends
        return local >= self.starts or local < self.ends


@dataclass(frozen=True, slots=True)
class ShopPolicy:
    """The shop's rules. `quiet` is keyed by (channel, country); country "" holds where no other does."""

    quiet: Mapping[tuple[str, str], QuietHours] = field(default_factory=dict)
    caps: tuple[Cap, ...] = ()
    pause_on_complaint: bool = True

    @classmethod
    def from_json(cls, quiet_hours: Mapping[str, Mapping[str, Any]], caps: Iterable[Mapping[str, Any]]) -> ShopPolicy:
        """
        Read the API's shape: `{"sms": {"from": "21:00", "to": "09:00"}}` and `[{"per": "day", "limit": 2}]`.

        A quiet window may say `"topics": "all"` to hold service messages too.

        Raises:
            ValueError: names the entry and the fault.
        """
        return cls(
            quiet={(channel, ANY_COUNTRY): _quiet_hours(channel, entry) for channel, entry in quiet_hours.items()},
            caps=tuple(_cap(index, entry) for index, entry in enumerate(caps)),
        )

    def quiet_hours(self, channel: str, country: str) -> QuietHours | None:
        """The window that rules `channel` in `country`."""
        return self.quiet.get((channel, country)) or self.quiet.get((channel, ANY_COUNTRY))


# --- The answers ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Send:
    """Go. `inputs` is JSON: what the answer rests on."""

    inputs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Hold:
    """Ask again at `until`."""

    until: datetime
    reason: Reason
    inputs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Withhold:
    """Never, because of `reason`."""

    reason: Reason
    inputs: dict[str, Any]


Decision = Send | Hold | Withhold


def decide(message: MessageFacts, customer: CustomerFacts, policy: ShopPolicy, now: datetime) -> Decision:
    """May `message` go to `customer` at `now` (aware)?"""
    inputs = _inputs(message, customer, policy, now)
    refused = refusal(message, customer) or _complaint(message, customer, policy)
    if refused:
        return Withhold(refused, inputs)
    held = _over_cap(message, customer, policy, now)
    if held and message.over_cap == "skip":
        return Withhold(Reason.CAPPED, inputs)
    reason = Reason.CAPPED
    if not held:
        held, reason = _in_quiet_hours(message, customer, policy, now), Reason.QUIET_HOURS
    # Being held past its end is the same as being late: said now, so that whoever waits for it can go on.
    if message.expires_at and message.expires_at <= (held or now):
        return Withhold(Reason.EXPIRED, inputs)
    return Hold(held, reason, inputs) if held else Send(inputs)


def refusal(message: MessageFacts, customer: CustomerFacts) -> Reason | None:
    """Why this person cannot be reached with `message`, whatever the hour: who they are, and what they wished."""
    return _who(customer) or wishes(message, customer.consent, customer.suppressed)


def wishes(message: MessageFacts, consent: ConsentState | None, suppressed: Collection[str]) -> Reason | None:
    """
    Which wish closes this way: suppression first, then consent. Marketing needs an "in", service messages only stop at
    an "out".
    """
    if message.is_answer:
        return None
    if "all" in suppressed or (message.is_marketing and suppressed):
        return Reason.SUPPRESSED
    if consent == "out":
        return Reason.OPTED_OUT
    return Reason.NO_CONSENT if message.is_marketing and consent is None else None


def as_json(decision: Decision) -> dict[str, Any]:
    """The decision as it is stored on the message's row."""
    if isinstance(decision, Send):
        return {"verdict": "send", "inputs": decision.inputs}
    refused = {"verdict": "withhold", "reason": str(decision.reason), "inputs": decision.inputs}
    if isinstance(decision, Hold):
        return {**refused, "verdict": "hold", "until": decision.until.isoformat()}
    return refused


# --- Step by step ---------------------------------------------------------------------------------


def _who(customer: CustomerFacts) -> Reason | None:
    if customer.erased:
        return Reason.ERASED
    if customer.merged:
        return Reason.MERGED
    return None if customer.has_address else Reason.UNREACHABLE


def _complaint(message: MessageFacts, customer: CustomerFacts, policy: ShopPolicy) -> Reason | None:
    paused = policy.pause_on_complaint and message.is_marketing and customer.open_complaint
    return Reason.COMPLAINT if paused else None


def _over_cap(message: MessageFacts, customer: CustomerFacts, policy: ShopPolicy, now: datetime) -> datetime | None:
    """When every cap allows again, or None when none is reached."""
    if not message.is_marketing:
        return None
    zone = ZoneInfo(customer.zone)
    reached = [
        ends
        for cap in policy.caps
        for starts, ends in (_period(cap.per, now, zone),)
        if _count(customer.sent, starts, ends) >= cap.limit
    ]
    return max(reached, default=None)


def _in_quiet_hours(
    message: MessageFacts, customer: CustomerFacts, policy: ShopPolicy, now: datetime
) -> datetime | None:
    """When the quiet hours that hold at `now` end, or None outside of them."""
    quiet = policy.quiet_hours(message.channel, customer.country)
    if quiet is None or message.is_answer or (quiet.marketing_only and not message.is_marketing):
        return None
    zone = ZoneInfo(customer.zone)
    local = _local(now, zone)
    if local.time() not in quiet:
        return None
    day = local.date() if local.time() < quiet.ends else local.date() + timedelta(days=1)
    until = instant(datetime.combine(day, quiet.ends), zone)
    if until <= now:
        # The end comes twice tonight (clocks go back) and the first is past: the second one counts.
        until = datetime.combine(day, quiet.ends, tzinfo=zone).replace(fold=1).astimezone(now.tzinfo)
    return until


# Everybody in a batch is asked about at one moment, and they live in few zones.
@lru_cache(maxsize=256)
def _local(now: datetime, zone: ZoneInfo) -> datetime:
    return now.astimezone(zone)


@lru_cache(maxsize=256)
def _period(per: Period, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The calendar day or week (from Monday) around `now` in `zone`, as instants."""
    day = _local(now, zone).date()
    first, length = (day, 1) if per == "day" else (day - timedelta(days=day.weekday()), 7)
    midnight = datetime.combine(first, time())
    return instant(midnight, zone), instant(midnight + timedelta(days=length), zone)


def _count(sent: Iterable[datetime], starts: datetime, ends: datetime) -> int:
    return sum(starts <= at < ends for at in sent)


# --- Words for the record -------------------------------------------------------------------------


def _inputs(message: MessageFacts, customer: CustomerFacts, policy: ShopPolicy, now: datetime) -> dict[str, Any]:
    zone = ZoneInfo(customer.zone)
    quiet = policy.quiet_hours(message.channel, customer.country)
    return {
        "at": now.isoformat(),
        "local": _local(now, zone).isoformat(timespec="minutes"),
        "zone": customer.zone,
        "country": customer.country,
        "channel": message.channel,
        "topic": message.topic,
        "marketing": message.is_marketing,
        "answer": message.is_answer,
        "consent": customer.consent,
        "suppressed": sorted(customer.suppressed),
        "open_complaint": customer.open_complaint,
        "caps": [
            {"per": cap.per, "limit": cap.limit, "sent": _count(customer.sent, *_period(cap.per, now, zone))}
            for cap in policy.caps
        ],
        "quiet_hours": quiet and {"from": _hour(quiet.starts), "to": _hour(quiet.ends)},
        "expires_at": message.expires_at and message.expires_at.isoformat(),
    }


def _hour(at: time) -> str:
    return at.isoformat(timespec="minutes")


def _quiet_hours(channel: str, entry: Mapping[str, Any]) -> QuietHours:
    try:
        starts, ends = time.fromisoformat(entry["from"]), time.fromisoformat(entry["to"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f'quiet_hours.{channel}: expected {{"from": "21:00", "to": "09:00"}}') from error
    if starts == ends:
        raise ValueError(f"quiet_hours.{channel}: from and to are the same")
    if starts.tzinfo or ends.tzinfo:
        raise ValueError(f"quiet_hours.{channel}: local times carry no zone")
    topics = entry.get("topics", "marketing")
    if topics not in ("marketing", "all"):
        raise ValueError(f'quiet_hours.{channel}.topics: "marketing" or "all"')
    return QuietHours(starts, ends, marketing_only=topics == "marketing")


def _cap(index: int, entry: Mapping[str, Any]) -> Cap:
    per, limit = entry.get("per"), entry.get("limit")
    if per not in ("day", "week"):
        raise ValueError(f'caps[{index}].per: "day" or "week"')
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
        raise ValueError(f"caps[{index}].limit: not a whole number of 0 or more")
    return Cap(per, limit)
