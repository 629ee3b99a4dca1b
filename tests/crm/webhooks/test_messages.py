"""What a message says, and when it happened."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from crm.services.profiles import CompanySaid
from crm.webhooks.messages import Reader, Unreadable, moment_of

NOW = datetime(2026, 4, 6, 12, tzinfo=UTC)


def read(message: dict[str, Any], sent_at: datetime | None = None) -> Any:
    return Reader("web", region="TH", received_at=NOW, sent_at=sent_at).read(message)


@pytest.mark.parametrize(
    ("times", "happened"),
    [
        # A clock that is right: the client queued for ten seconds.
        ({"timestamp": "2026-04-06T11:59:50Z", "sentAt": "2026-04-06T12:00:00Z"}, NOW - timedelta(seconds=10)),
        # A clock that is a day ahead, or a year behind: the ten seconds are right all the same.
        ({"timestamp": "2026-04-07T11:59:50Z", "sentAt": "2026-04-07T12:00:00Z"}, NOW - timedelta(seconds=10)),
        ({"timestamp": "2025-04-06T11:59:50Z", "sentAt": "2025-04-06T12:00:00Z"}, NOW - timedelta(seconds=10)),
        # What the client first said beats what it was corrected to on the way.
        (
            {
                "originalTimestamp": "2026-04-06T11:59:50Z",
                "timestamp": "2020-01-01T00:00:00Z",
                "sentAt": "2026-04-06T12:00:00Z",
            },
            NOW - timedelta(seconds=10),
        ),
        # History that is imported: old stays old.
        ({"timestamp": "2020-04-06T12:00:00Z", "sentAt": "2026-04-06T12:00:00Z"}, NOW.replace(year=2020)),
        # Without sentAt the given time stands, but nothing happens in the future.
        ({"timestamp": "2026-04-06T11:00:00+00:00"}, NOW - timedelta(hours=1)),
        ({"timestamp": "2026-04-06T11:00:00"}, NOW - timedelta(hours=1)),
        ({"timestamp": "2026-04-08T11:00:00Z"}, NOW),
        ({"timestamp": "2026-04-06T13:00:00Z", "sentAt": "2026-04-06T12:00:00Z"}, NOW),
        ({"timestamp": "yesterday"}, NOW),
        ({"timestamp": 1775450000}, NOW),
        ({}, NOW),
        ({"timestamp": "1975-01-01T00:00:00Z", "sentAt": "2099-01-01T00:00:00Z"}, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_when_it_happened_is_told_by_our_clock(times: dict[str, Any], happened: datetime) -> None:
    assert read({"type": "page", "anonymousId": "c", **times}).item.occurred_at == happened


def test_the_batch_says_when_it_was_sent() -> None:
    item = read({"type": "page", "anonymousId": "c", "timestamp": "2026-04-07T11:59:50Z"}, NOW + timedelta(days=1)).item
    assert item.occurred_at == NOW - timedelta(seconds=10)
    assert moment_of({"sentAt": "2026-11-21T17:58:20.729487+00:00"}, "sentAt") is not None


def test_user_ids_and_cookies_are_the_storefronts_own() -> None:
    identities = read({"type": "page", "userId": 42, "anonymousId": "cookie"}).item.identities
    assert (identities.external, identities.anonymous) == ((("web", "42"),), (("web", "cookie"),))


@pytest.mark.parametrize("nobody", [None, "", " ", "null", "undefined", "NaN", "0", 0, "Guest", False, {}, []])
def test_what_templates_print_for_nobody_is_nobody(nobody: object) -> None:
    item = read({"type": "page", "userId": nobody, "anonymousId": "cookie"}).item
    assert item.identities.is_anonymous
    with pytest.raises(Unreadable) as caught:
        read({"type": "page", "userId": nobody, "anonymousId": nobody})
    assert caught.value.code == "no_identity"


def test_an_identify_says_who_somebody_is() -> None:
    item = read(
        {
            "type": "identify",
            "userId": "42",
            "traits": {
                "email": "Somchai@Example.com", "phone": "081 234 5678", "firstName": "Somchai", "lastName": "Jaidee",
                "birthday": "1990-04-13T00:00:00Z", "line_user_id": "U4af", "createdAt": "2026-03-02T04:11:09Z",
                "address": {"city": "Chatuchak", "country": "TH"},
                "company": {"id": "org_77", "name": "Doi", "employee_count": 6},
                "marketing_consent": {"email": True, "sms": False, "fax": True, "line": "yes"},
            },
            "context": {"locale": "th-TH", "timezone": "Asia/Bangkok", "campaign": {"name": "songkran-2026"}},
        }
    ).item  # fmt: skip

    assert (item.identities.email, item.identities.phone, item.identities.line_id) == (
        "somchai@example.com", "+66812345678", "U4af",
    )  # fmt: skip
    profile = item.profile
    assert (profile.name, profile.language, profile.time_zone) == ("Somchai Jaidee", "th", "Asia/Bangkok")
    assert profile.birthday == date(1990, 4, 13)
    assert profile.attributes == {
        "createdAt": "2026-03-02T04:11:09Z",
        "address": {"city": "Chatuchak", "country": "TH"},
    }
    assert profile.company == CompanySaid("org_77", "Doi", {"employee_count": 6})
    assert profile.marketing == {"email": True, "sms": False}
    assert (item.event, item.campaign) == ("", "songkran-2026")


def test_what_is_wrong_in_a_message_is_left_out_and_said() -> None:
    read_ = read(
        {
            "type": "identify",
            "userId": "42",
            "traits": {"email": "none", "phone": "12", "birthday": "unknown", "note": "x" * 2001, "name": "Ploy"},
            "context": {"timezone": "+07:00"},
        }
    )

    assert [fault.code for fault in read_.faults] == [
        "invalid_email", "invalid_phone", "invalid_timezone", "invalid_birthday", "too_long",
    ]  # fmt: skip
    assert read_.item.identities.external == (("web", "42"),)
    assert read_.item.profile.name == "Ploy"
    assert read_.item.profile.attributes == {}


def test_an_order_may_say_who_ordered_among_its_properties() -> None:
    ordered = {"type": "track", "event": "Completed Order", "anonymousId": "c"}
    viewed = {**ordered, "event": "Product Viewed", "properties": {"email": "ploy@example.com"}}

    in_properties = read({**ordered, "properties": {"order_id": "1", "email": "ploy@example.com"}}).item
    in_context = read({**ordered, "context": {"traits": {"email": "ploy@example.com"}}}).item

    assert in_properties.identities.email == in_context.identities.email == "ploy@example.com"
    assert read(viewed).item.identities.email == ""


def test_a_page_keeps_its_name_and_category() -> None:
    item = read(
        {"type": "page", "anonymousId": "c", "name": "Kettle", "category": "Shop", "properties": {"url": "/k"}}
    ).item
    assert (item.event, item.properties) == ("Page Viewed", {"url": "/k", "name": "Kettle", "category": "Shop"})


def test_a_group_is_a_company() -> None:
    item = read(
        {"type": "group", "userId": "42", "groupId": "org_77", "traits": {"name": "Doi", "industry": "Cafe"}}
    ).item
    assert item.profile.company == CompanySaid("org_77", "Doi", {"industry": "Cafe"})


def test_an_alias_names_the_former_id() -> None:
    item = read({"type": "alias", "previousId": "cookie", "userId": "42"}).item
    assert (item.identities.external, item.identities.anonymous) == ((("web", "42"),), (("web", "cookie"),))
    assert (item.former, item.event) == ("cookie", "")


def test_a_long_message_id_is_hashed_and_a_missing_one_derived() -> None:
    page = {"type": "page", "anonymousId": "c", "timestamp": "2026-04-06T11:00:00Z"}
    assert read({**page, "messageId": "m-1"}).item.key == "m-1"
    assert read({**page, "messageId": "m" * 300}).item.key.startswith("sha256:")
    assert read(page).item.key == read(dict(page)).item.key
    assert read(page).item.key != read({**page, "anonymousId": "d"}).item.key
