"""The policy is pure, so these are plain values in and out: no database, no clock."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.channels.reasons import Reason
from messaging.outbox.policy import (
    Cap,
    CustomerFacts,
    Decision,
    Hold,
    MessageFacts,
    QuietHours,
    Send,
    ShopPolicy,
    as_json,
    decide,
)

BANGKOK = "Asia/Bangkok"
MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 3, 4, 5, tzinfo=UTC)  # a Wednesday, 12:00 in Bangkok
PROMOTION = MessageFacts(channel="sms", topic="promotions", is_marketing=True)
SERVICE = MessageFacts(channel="sms", topic="order_updates", is_marketing=False)
FAN = CustomerFacts(zone=BANGKOK, country="TH", consent="in")
STRANGER = CustomerFacts(zone=BANGKOK, country="TH")
THAI_NIGHT = QuietHours(time(20), time(9))
THAILAND = ShopPolicy(quiet={("sms", "TH"): THAI_NIGHT}, caps=(Cap("day", 2), Cap("week", 4)))


def bangkok(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=ZoneInfo(BANGKOK)).astimezone(UTC)


def reason_of(decision: Decision) -> Reason | None:
    return None if isinstance(decision, Send) else decision.reason


class TestWho:
    def test_a_person_who_agreed_gets_the_promotion(self) -> None:
        assert isinstance(decide(PROMOTION, FAN, THAILAND, NOON), Send)

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"erased": True}, Reason.ERASED),
            ({"merged": True}, Reason.MERGED),
            ({"has_address": False}, Reason.UNREACHABLE),
        ],
    )
    def test_nothing_goes_to_someone_who_is_gone_or_out_of_reach(self, change: dict[str, Any], reason: Reason) -> None:
        assert reason_of(decide(SERVICE, replace(FAN, **change), THAILAND, NOON)) == reason

    def test_the_first_reason_in_the_fixed_order_is_the_one_that_is_told(self) -> None:
        everything_wrong = CustomerFacts(
            zone=BANGKOK, country="TH", has_address=False, erased=True, merged=True, consent="out",
            suppressed=frozenset({"all"}), open_complaint=True, sent=[NOON] * 9,
        )  # fmt: skip
        late = replace(PROMOTION, expires_at=NOON - timedelta(days=1))
        found = []
        mend: list[dict[str, Any]] = [
            {"erased": False}, {"merged": False}, {"has_address": True}, {"suppressed": frozenset()}, {"consent": "in"},
            {"open_complaint": False}, {"sent": []},
        ]  # fmt: skip
        for change in mend:
            found.append(reason_of(decide(late, everything_wrong, THAILAND, NOON)))
            everything_wrong = replace(everything_wrong, **change)
        found.append(reason_of(decide(late, everything_wrong, THAILAND, NOON)))
        assert found == [
            Reason.ERASED, Reason.MERGED, Reason.UNREACHABLE, Reason.SUPPRESSED, Reason.OPTED_OUT, Reason.COMPLAINT,
            Reason.CAPPED, Reason.EXPIRED,
        ]  # fmt: skip


class TestWishes:
    def test_marketing_needs_an_opt_in(self) -> None:
        assert reason_of(decide(PROMOTION, STRANGER, THAILAND, NOON)) == Reason.NO_CONSENT

    def test_a_service_message_goes_to_someone_who_never_said_anything(self) -> None:
        assert isinstance(decide(SERVICE, STRANGER, THAILAND, NOON), Send)

    @pytest.mark.parametrize("message", [PROMOTION, SERVICE])
    def test_an_opt_out_stops_marketing_and_service_messages_alike(self, message: MessageFacts) -> None:
        assert reason_of(decide(message, replace(FAN, consent="out"), THAILAND, NOON)) == Reason.OPTED_OUT

    @pytest.mark.parametrize(
        ("scope", "message", "reason"),
        [
            ("all", PROMOTION, Reason.SUPPRESSED),
            ("all", SERVICE, Reason.SUPPRESSED),
            ("marketing", PROMOTION, Reason.SUPPRESSED),
            ("marketing", SERVICE, None),
        ],
    )
    def test_a_suppressed_address_gets_nothing_of_that_scope(
        self, scope: str, message: MessageFacts, reason: Reason | None
    ) -> None:
        customer = replace(FAN, suppressed=frozenset({scope}))
        assert reason_of(decide(message, customer, THAILAND, NOON)) == reason

    def test_the_answer_to_a_stop_goes_out_although_the_address_is_suppressed_and_it_is_night(self) -> None:
        answer = replace(SERVICE, is_answer=True)
        gone = replace(STRANGER, suppressed=frozenset({"all"}), consent="out")
        always_quiet = ShopPolicy(quiet={("sms", ""): QuietHours(time(20), time(9), marketing_only=False)})
        assert isinstance(decide(answer, gone, always_quiet, bangkok(4, 23)), Send)


class TestComplaint:
    def test_an_open_complaint_pauses_promotions_and_nothing_else(self) -> None:
        upset = replace(FAN, open_complaint=True)
        assert reason_of(decide(PROMOTION, upset, THAILAND, NOON)) == Reason.COMPLAINT
        assert isinstance(decide(SERVICE, upset, THAILAND, NOON), Send)

    def test_a_shop_may_switch_the_pause_off(self) -> None:
        upset = replace(FAN, open_complaint=True)
        assert isinstance(decide(PROMOTION, upset, replace(THAILAND, pause_on_complaint=False), NOON), Send)


class TestCaps:
    def test_the_third_promotion_of_a_day_is_skipped(self) -> None:
        twice = replace(FAN, sent=[bangkok(4, 9), bangkok(4, 10)])
        assert reason_of(decide(PROMOTION, twice, THAILAND, NOON)) == Reason.CAPPED

    def test_service_messages_are_exempt(self) -> None:
        assert isinstance(decide(SERVICE, replace(FAN, sent=[NOON] * 50), THAILAND, NOON), Send)

    def test_the_day_is_the_customers_own(self) -> None:
        # Late on Tuesday in Bangkok; in Honolulu that and Wednesday's noon in Bangkok are both Tuesday.
        late_yesterday = [bangkok(3, 23, 30), bangkok(3, 23, 45)]
        assert isinstance(decide(PROMOTION, replace(FAN, sent=late_yesterday), THAILAND, NOON), Send)
        islander = replace(FAN, zone="Pacific/Honolulu", sent=late_yesterday)
        assert reason_of(decide(PROMOTION, islander, ShopPolicy(caps=(Cap("day", 2),)), NOON)) == Reason.CAPPED

    def test_held_over_the_day_cap_it_waits_for_the_customers_midnight(self) -> None:
        patient = replace(PROMOTION, over_cap="hold")
        decision = decide(patient, replace(FAN, sent=[NOON, NOON]), THAILAND, NOON)
        assert isinstance(decision, Hold)
        assert (decision.until, decision.reason) == (bangkok(5, 0), Reason.CAPPED)

    def test_held_over_the_week_cap_it_waits_for_monday(self) -> None:
        patient = replace(PROMOTION, over_cap="hold")
        since_monday = [bangkok(2, 10), bangkok(2, 11), bangkok(3, 10), bangkok(3, 11)]
        decision = decide(patient, replace(FAN, sent=since_monday), THAILAND, NOON)
        assert isinstance(decision, Hold)
        assert decision.until == bangkok(9, 0)

    def test_last_sundays_promotions_do_not_count_this_week(self) -> None:
        assert isinstance(decide(PROMOTION, replace(FAN, sent=[bangkok(1, 23, 59)] * 9), THAILAND, NOON), Send)

    def test_a_day_that_starts_after_its_midnight_starts_at_its_first_instant(self) -> None:
        # In São Paulo clocks went from 23:59:59 on 14 October 2017 to 01:00 on the 15th.
        patient = replace(PROMOTION, over_cap="hold")
        evening = datetime(2017, 10, 14, 23, tzinfo=UTC)
        customer = CustomerFacts(zone="America/Sao_Paulo", consent="in", sent=[evening])
        decision = decide(patient, customer, ShopPolicy(caps=(Cap("day", 1),)), evening)
        assert isinstance(decision, Hold)
        assert decision.until == datetime(2017, 10, 15, 3, tzinfo=UTC)


class TestQuietHours:
    @pytest.mark.parametrize(
        ("hour", "minute", "until"),
        [
            (19, 59, None),
            (20, 0, bangkok(5, 9)),
            (23, 59, bangkok(5, 9)),
            (0, 0, bangkok(4, 9)),
            (8, 59, bangkok(4, 9)),
            (9, 0, None),
        ],
    )
    def test_thai_marketing_texts_wait_for_nine_in_the_morning(
        self, hour: int, minute: int, until: datetime | None
    ) -> None:
        decision = decide(PROMOTION, FAN, THAILAND, bangkok(4, hour, minute))
        assert (decision.until if isinstance(decision, Hold) else None) == until

    def test_a_service_message_goes_at_night(self) -> None:
        assert isinstance(decide(SERVICE, STRANGER, THAILAND, bangkok(4, 23)), Send)

    def test_a_window_for_all_topics_holds_service_messages_too(self) -> None:
        policy = ShopPolicy(quiet={("sms", ""): replace(THAI_NIGHT, marketing_only=False)})
        assert reason_of(decide(SERVICE, STRANGER, policy, bangkok(4, 23))) == Reason.QUIET_HOURS

    def test_other_channels_and_other_countries_keep_their_own_hours(self) -> None:
        night = bangkok(4, 23)
        assert isinstance(decide(replace(PROMOTION, channel="email"), FAN, THAILAND, night), Send)
        assert isinstance(decide(PROMOTION, replace(FAN, country="DE"), THAILAND, night), Send)
        everywhere = replace(THAILAND, quiet={**THAILAND.quiet, ("sms", ""): THAI_NIGHT})
        assert isinstance(decide(PROMOTION, replace(FAN, country="DE"), everywhere, night), Hold)

    def test_a_window_within_one_day_ends_on_that_day(self) -> None:
        siesta = ShopPolicy(quiet={("sms", ""): QuietHours(time(13), time(15))})
        decision = decide(PROMOTION, FAN, siesta, bangkok(4, 14))
        assert isinstance(decision, Hold)
        assert decision.until == bangkok(4, 15)
        assert isinstance(decide(PROMOTION, FAN, siesta, bangkok(4, 15)), Send)

    def test_the_hours_are_the_customers_not_the_shops(self) -> None:
        traveller = replace(FAN, zone="America/New_York")
        evening_there = datetime(2026, 3, 4, 1, 30, tzinfo=UTC)  # 20:30 on Tuesday in New York, 08:30 in Bangkok
        decision = decide(PROMOTION, traveller, THAILAND, evening_there)
        assert isinstance(decision, Hold)
        assert decision.until == datetime(2026, 3, 4, 14, tzinfo=UTC)

    def test_an_end_that_the_clock_change_skips_means_the_first_instant_after_it(self) -> None:
        berlin = CustomerFacts(zone="Europe/Berlin", consent="in")
        policy = ShopPolicy(quiet={("sms", ""): QuietHours(time(20), time(2, 30))})
        decision = decide(PROMOTION, berlin, policy, datetime(2026, 3, 28, 23, tzinfo=UTC))
        assert isinstance(decision, Hold)
        assert decision.until == datetime(2026, 3, 29, 1, tzinfo=UTC)  # 03:00 summer time

    def test_an_end_that_comes_twice_is_the_first_until_it_is_past_and_then_the_second(self) -> None:
        berlin = CustomerFacts(zone="Europe/Berlin", consent="in")
        policy = ShopPolicy(quiet={("sms", ""): QuietHours(time(20), time(2, 30))})
        first = decide(PROMOTION, berlin, policy, datetime(2026, 10, 24, 22, tzinfo=UTC))
        assert isinstance(first, Hold)
        assert first.until == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
        second = decide(PROMOTION, berlin, policy, datetime(2026, 10, 25, 1, 15, tzinfo=UTC))
        assert isinstance(second, Hold)
        assert second.until == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


class TestExpiry:
    def test_a_message_is_of_no_use_from_the_instant_it_expires(self) -> None:
        assert isinstance(decide(replace(SERVICE, expires_at=NOON + timedelta(seconds=1)), FAN, THAILAND, NOON), Send)
        assert reason_of(decide(replace(SERVICE, expires_at=NOON), FAN, THAILAND, NOON)) == Reason.EXPIRED

    def test_one_that_would_be_held_past_its_end_is_given_up_at_once(self) -> None:
        night = bangkok(4, 23)
        until_morning = replace(PROMOTION, expires_at=bangkok(5, 9))
        assert reason_of(decide(until_morning, FAN, THAILAND, night)) == Reason.EXPIRED
        a_little_longer = replace(PROMOTION, expires_at=bangkok(5, 9, 1))
        assert reason_of(decide(a_little_longer, FAN, THAILAND, night)) == Reason.QUIET_HOURS


class TestRecord:
    def test_the_inputs_say_what_the_answer_rests_on(self) -> None:
        customer = replace(FAN, sent=[bangkok(4, 9)])
        assert as_json(decide(replace(PROMOTION, expires_at=bangkok(5, 12)), customer, THAILAND, NOON)) == {
            "verdict": "send",
            "inputs": {
                "at": "2026-03-04T05:00:00+00:00",
                "local": "2026-03-04T12:00+07:00",
                "zone": "Asia/Bangkok",
                "country": "TH",
                "channel": "sms",
                "topic": "promotions",
                "marketing": True,
                "answer": False,
                "consent": "in",
                "suppressed": [],
                "open_complaint": False,
                "caps": [{"per": "day", "limit": 2, "sent": 1}, {"per": "week", "limit": 4, "sent": 1}],
                "quiet_hours": {"from": "20:00", "to": "09:00"},
                "expires_at": "2026-03-05T05:00:00+00:00",
            },
        }

    def test_a_hold_names_its_end_and_a_withheld_message_its_reason(self) -> None:
        held = as_json(decide(PROMOTION, FAN, THAILAND, bangkok(4, 23)))
        assert (held["verdict"], held["reason"], held["until"]) == ("hold", "quiet_hours", "2026-03-05T02:00:00+00:00")
        withheld = as_json(decide(PROMOTION, STRANGER, ShopPolicy(), NOON))
        assert (withheld["verdict"], withheld["reason"]) == ("withhold", "no_consent")
        assert withheld["inputs"]["quiet_hours"] is None


class TestShopPolicyFromJson:
    def test_it_reads_the_shape_of_the_api(self) -> None:
        policy = ShopPolicy.from_json(
            {"sms": {"from": "21:00", "to": "09:00"}, "email": {"from": "22:30", "to": "07:00", "topics": "all"}},
            [{"per": "day", "limit": 2}],
        )
        assert policy == ShopPolicy(
            quiet={
                ("sms", ""): QuietHours(time(21), time(9)),
                ("email", ""): QuietHours(time(22, 30), time(7), marketing_only=False),
            },
            caps=(Cap("day", 2),),
        )

    @pytest.mark.parametrize(
        ("quiet_hours", "caps", "fault"),
        [
            ({"sms": {"from": "9pm", "to": "09:00"}}, [], 'quiet_hours.sms: expected {"from": "21:00", "to": "09:00"}'),
            ({"sms": {"from": "21:00"}}, [], 'quiet_hours.sms: expected {"from": "21:00", "to": "09:00"}'),
            ({"sms": "night"}, [], 'quiet_hours.sms: expected {"from": "21:00", "to": "09:00"}'),
            ({"sms": {"from": "09:00", "to": "09:00"}}, [], "quiet_hours.sms: from and to are the same"),
            ({"sms": {"from": "21:00Z", "to": "09:00"}}, [], "quiet_hours.sms: local times carry no zone"),
            (
                {"sms": {"from": "21:00", "to": "09:00", "topics": "some"}},
                [],
                'quiet_hours.sms.topics: "marketing" or "all"',
            ),
            ({}, [{"per": "month", "limit": 1}], 'caps[0].per: "day" or "week"'),
            ({}, [{"per": "day", "limit": -1}], "caps[0].limit: not a whole number of 0 or more"),
            ({}, [{"per": "day", "limit": True}], "caps[0].limit: not a whole number of 0 or more"),
            ({}, [{"per": "day", "limit": "2"}], "caps[0].limit: not a whole number of 0 or more"),
        ],
    )
    def test_a_fault_is_named(self, quiet_hours: Any, caps: Any, fault: str) -> None:
        with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is compared
            ShopPolicy.from_json(quiet_hours, caps)
        assert str(error.value) == fault


# --- Properties -----------------------------------------------------------------------------------

ZONES = [
    BANGKOK,
    "Europe/Berlin",
    "America/Sao_Paulo",
    "America/New_York",
    "Pacific/Apia",
    "Australia/Lord_Howe",
]
instants = st.integers(0, 15 * 365 * 24 * 60).map(lambda minutes: datetime(2015, 1, 1, tzinfo=UTC) + minutes * MINUTE)
windows = st.builds(QuietHours, st.times(), st.times(), st.booleans())
policies = st.builds(
    ShopPolicy,
    quiet=st.dictionaries(st.tuples(st.just("sms"), st.sampled_from(["", "TH"])), windows),
    caps=st.lists(st.builds(Cap, st.sampled_from(["day", "week"]), st.integers(0, 3)), max_size=2).map(tuple),
)
messages = st.builds(
    MessageFacts,
    channel=st.just("sms"),
    topic=st.just("any"),
    is_marketing=st.booleans(),
    is_answer=st.booleans(),
    over_cap=st.sampled_from(["skip", "hold"]),
    expires_at=st.none() | instants,
)
customers = st.builds(
    CustomerFacts,
    zone=st.sampled_from(ZONES),
    country=st.sampled_from(["", "TH", "DE"]),
    has_address=st.booleans(),
    erased=st.booleans(),
    merged=st.booleans(),
    consent=st.sampled_from(["in", "out", None]),
    suppressed=st.frozensets(st.sampled_from(["all", "marketing"])),
    open_complaint=st.booleans(),
    sent=st.lists(instants, max_size=4),
)


@given(messages, customers, policies, instants)
def test_every_question_has_exactly_one_answer_and_a_hold_lies_ahead(
    message: MessageFacts, customer: CustomerFacts, policy: ShopPolicy, now: datetime
) -> None:
    decision = decide(message, customer, policy, now)
    assert as_json(decision)["verdict"] in {"send", "hold", "withhold"}
    if isinstance(decision, Hold):
        assert now < decision.until <= now + timedelta(days=8)
        assert message.expires_at is None or decision.until < message.expires_at


@given(messages, customers, policies, instants)
def test_a_message_held_for_quiet_hours_is_not_quiet_when_asked_again(
    message: MessageFacts, customer: CustomerFacts, policy: ShopPolicy, now: datetime
) -> None:
    decision = decide(message, customer, policy, now)
    if isinstance(decision, Hold) and decision.reason == Reason.QUIET_HOURS:
        assert reason_of(decide(message, customer, policy, decision.until)) != Reason.QUIET_HOURS


@given(messages, customers, policies, instants)
def test_marketing_never_goes_without_consent_to_a_suppressed_address_or_over_a_cap(
    message: MessageFacts, customer: CustomerFacts, policy: ShopPolicy, now: datetime
) -> None:
    if isinstance(decide(message, customer, policy, now), Send) and message.is_marketing:
        assert message.is_answer or (customer.consent == "in" and not customer.suppressed)
        day = now.astimezone(ZoneInfo(customer.zone)).date()
        today = sum(at.astimezone(ZoneInfo(customer.zone)).date() == day for at in customer.sent)
        assert all(today < cap.limit for cap in policy.caps)


@given(customers, policies, instants)
def test_caps_complaints_and_marketing_hours_never_touch_a_service_message(
    customer: CustomerFacts, policy: ShopPolicy, now: datetime
) -> None:
    marketing_only = replace(policy, quiet={key: replace(q, marketing_only=True) for key, q in policy.quiet.items()})
    reason = reason_of(decide(SERVICE, customer, marketing_only, now))
    assert reason not in {Reason.CAPPED, Reason.COMPLAINT, Reason.NO_CONSENT, Reason.QUIET_HOURS}
