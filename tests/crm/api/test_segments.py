"""Segments over the API."""

from __future__ import annotations

from typing import Any

import pytest

from crm.models import Segment, User
from crm.services import segments
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import NOON, CustomerFactory, UserFactory

pytestmark = pytest.mark.django_db
THAI: dict[str, Any] = {"field": {"name": "language", "op": "eq", "value": "th"}}


def test_a_segment_is_added_read_changed_and_deleted(api: Program) -> None:
    response = api.post("segments/", {"name": "Speak Thai", "rule": THAI})

    assert response.status_code == 201
    body = response.json()
    assert (body["slug"], body["rule"], body["members"], body["is_refreshing"]) == ("speak-thai", THAI, 0, True)
    assert api.get("segments/speak-thai/").json() == body
    assert [row["slug"] for row in api.get("segments/?search=thai").json()["results"]] == ["speak-thai"]
    changed = api.patch("segments/speak-thai/", {"rule": {"not": THAI}})
    assert (changed.status_code, changed.json()["rule"]) == (200, {"not": THAI})
    assert api.call("DELETE", "segments/speak-thai/").status_code == 204
    assert not Segment.objects.exists()


@pytest.mark.parametrize(
    ("changes", "place", "code"),
    [
        ({"rule": {"all": [THAI, {"review": {"within": "soon"}}]}}, "/rule/all/1/review/within", "invalid_rule"),
        ({"rule": {"all": [{"moon": 1}]}}, "/rule/all/0/moon", "invalid_rule"),
        ({"rule": {"segment": "gone"}}, "/rule/segment", "invalid_rule"),
        ({"rule": 5}, "/rule", "invalid_rule"),
        ({"slug": "taken"}, "/slug", "invalid"),
        ({"slug": "preview"}, "/slug", "invalid"),
        ({"name": ""}, "/name", "blank"),
        ({"colour": "red"}, "/colour", "unknown_field"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_at_its_place(api: Program, changes: dict[str, Any], place: str, code: str) -> None:
    segments.create_segment(name="Taken", rule=THAI, actor=None, now=NOON)

    response = api.post("segments/", {"name": "Speak Thai", "rule": THAI, **changes})

    assert (response.status_code, faults(response)) == (400, [(place, code)])
    assert Segment.objects.count() == 1


def test_members_are_listed_without_their_names(api: Program) -> None:
    thai = CustomerFactory.create(language="th")
    CustomerFactory.create(language="en")
    segment = segments.create_segment(name="Speak Thai", rule=THAI, actor=None, now=NOON)
    segments.refresh_segment(segment, now=NOON)

    page = api.get("segments/speak-thai/members/").json()

    assert page["results"] == [{"customer": str(thai.public_id), "since": "2026-03-02T12:00:00Z"}]
    assert api.get("segments/gone/members/").status_code == 404


def test_a_rule_is_counted_before_it_is_anybodys(api: Program) -> None:
    thai = CustomerFactory.create(language="th")
    CustomerFactory.create(language="en")

    assert api.post("segments/preview/", {"rule": THAI}).json() == {"count": 1, "sample": []}
    assert api.post("segments/preview/", {"rule": THAI, "sample": 5}).json()["sample"] == [str(thai.public_id)]
    assert faults(api.post("segments/preview/", {"rule": {"tag": ""}})) == [("/rule/tag", "invalid_rule")]
    assert not Segment.objects.exists()


def test_what_another_segment_speaks_of_stays(api: Program) -> None:
    api.post("segments/", {"name": "Inner", "rule": THAI})
    api.post("segments/", {"name": "Outer", "rule": {"segment": "inner"}})

    refused = api.call("DELETE", "segments/inner/")

    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert faults(api.patch("segments/inner/", {"rule": {"segment": "outer"}})) == [("/rule/segment", "invalid_rule")]


def test_what_a_promotions_audience_speaks_of_stays(api: Program) -> None:
    api.post("segments/", {"name": "Inner", "rule": THAI})
    api.post("promotions/", {"name": "Fair", "percent": 5, "audience": {"segment": "inner"}})

    refused = api.call("DELETE", "segments/inner/")

    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert refused.json()["detail"] == "is used by promotion “Fair”"
    assert Segment.objects.exists()


def test_a_refresh_is_asked_for(api: Program) -> None:
    api.post("segments/", {"name": "Speak Thai", "rule": THAI})
    Segment.objects.update(refresh_asked_at=None)

    response = api.post("segments/speak-thai/refresh/")

    assert (response.status_code, response.json()["is_refreshing"]) == (202, True)


def test_a_key_needs_the_scope(db: None) -> None:
    reader = Program("segments:read")
    assert reader.get("segments/").status_code == 200
    assert reader.post("segments/preview/", {"rule": {}}).status_code == 200
    assert reader.post("segments/", {"name": "A", "rule": {}}).status_code == 403
    assert Program("customers:read").get("segments/").status_code == 403


def test_sales_have_no_segments(api: Program) -> None:
    api.client.force_login(UserFactory(role=User.Role.SALES))
    assert api.client.get("/api/v1/segments/").status_code == 403
