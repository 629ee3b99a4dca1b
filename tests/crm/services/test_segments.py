"""Segments: rules with a name, and members that follow them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm import tasks
from crm.models import Customer, Event, Segment, SegmentChange, SegmentMember, Tag
from crm.rules import InvalidRule, matches, parse_rule
from crm.services import customers, merges, promotions, segments
from crm.services.segments import InvalidSegment, Refreshed, SegmentInUse
from tests.factories.crm import NOON, CustomerFactory, PromotionFactory, PurchaseFactory, UserFactory, later

pytestmark = pytest.mark.django_db
VIP = {"tag": "vip"}


def make(slug: str, rule: Any, **more: Any) -> Segment:
    return segments.create_segment(name=slug.title(), slug=slug, rule=rule, actor=None, now=NOON, **more)


def tagged(name: str, tag: str = "vip") -> Customer:
    customer = CustomerFactory.create(name=name)
    customers.add_tags(customer, [tag])
    return customer


def members(segment: Segment) -> set[str]:
    return set(segment.memberships.values_list("customer__name", flat=True))


def facts(segment: Segment) -> list[tuple[str, str, Any]]:
    found = Event.objects.filter(name__startswith="Segment").order_by("pk")
    return [(event.name, event.customer.name, event.properties["segment"]) for event in found]


def test_members_are_those_the_rule_holds_for_and_their_coming_is_a_fact() -> None:
    tagged("Ann")
    CustomerFactory.create(name="Boon")
    segment = make("vips", VIP)

    assert segments.refresh_segment(segment, now=NOON) == Refreshed(entered=1, left=0)

    assert members(segment) == {"Ann"}
    assert facts(segment) == [("Segment Entered", "Ann", "vips")]
    segment.refresh_from_db()
    assert (segment.member_count, segment.changed_at) == (1, NOON)


def test_only_the_difference_is_written() -> None:
    ann, boon = tagged("Ann"), tagged("Boon")
    segment = make("vips", VIP)
    segments.refresh_segment(segment, now=NOON)
    kept = SegmentMember.objects.get(customer=boon)
    customers.remove_tags(ann, ["vip"])
    tagged("Chai")

    assert segments.refresh_segment(segment, now=later(days=1)) == Refreshed(entered=1, left=1)

    assert members(segment) == {"Boon", "Chai"}
    assert SegmentMember.objects.get(customer=boon) == kept
    assert SegmentMember.objects.get(customer=boon).since == NOON
    assert facts(segment)[2:] == [("Segment Entered", "Chai", "vips"), ("Segment Left", "Ann", "vips")]
    changes = SegmentChange.objects.order_by("pk").values_list("entered", "left", "member_count")
    assert list(changes) == [(2, 0, 2), (1, 1, 2)]


def test_an_unchanged_rebuild_writes_nothing() -> None:
    tagged("Ann")
    segment = make("vips", VIP)
    segments.refresh_segment(segment, now=NOON)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert segments.refresh_segment(segment, now=later(days=1)) == Refreshed()

    assert [query["sql"].split()[0] for query in queries] == ["WITH"]


def test_whoever_comes_back_enters_again() -> None:
    ann = tagged("Ann")
    segment = make("vips", VIP)
    for day, change in enumerate((customers.remove_tags, customers.add_tags, customers.add_tags)):
        segments.refresh_segment(segment, now=later(days=day))
        change(ann, ["vip"])

    assert [name for name, _, _ in facts(segment)] == ["Segment Entered", "Segment Left", "Segment Entered"]


def test_nobody_is_a_segment_too() -> None:
    tagged("Ann")
    segment = make("vips", VIP)
    segments.refresh_segment(segment, now=NOON)
    segment = segments.edit_segment(segment, {"rule": {"any": []}}, now=NOON)

    assert segments.refresh_segment(segment, now=NOON) == Refreshed(entered=0, left=1)


def test_more_members_cost_more_batches_and_the_same_queries_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "BATCH", 2)
    for number in range(5):
        tagged(f"Person {number}")
    segment = make("vips", VIP)

    assert segments.refresh_segment(segment, now=NOON) == Refreshed(entered=5)
    assert len(members(segment)) == 5


def test_with_the_days_people_leave_although_nothing_happens() -> None:
    PurchaseFactory.create(customer=CustomerFactory(name="Ann"), placed_at=NOON)
    segment = make("fresh", {"purchases": {"within": "P30D"}})
    segments.refresh_segment(segment, now=later(days=1))
    assert members(segment) == {"Ann"}

    segments.refresh_segment(segment, now=later(days=31))

    assert members(segment) == set()


def test_the_worker_refreshes_what_was_asked_for() -> None:
    tagged("Ann")
    segment = make("vips", VIP)
    assert segment.refresh_asked_at == NOON
    assert tasks.refresh_segments() == "1 refreshed"
    assert tasks.refresh_segments() == "0 refreshed"
    assert members(segment) == {"Ann"}
    assert tasks.refresh_all_segments() == "1 asked for"
    assert tasks.refresh_segments() == "1 refreshed"


def test_a_rule_that_cannot_be_read_holds_up_no_other_segment() -> None:
    tagged("Ann")
    make("broken", VIP)
    Segment.objects.update(rule={"moon": "full"})
    good = make("vips", VIP)

    assert tasks.refresh_segments() == "2 refreshed"

    assert members(good) == {"Ann"}


def test_editing_the_rule_asks_for_those_that_speak_of_it_too() -> None:
    inner = make("inner", VIP)
    make("outer", {"not": {"segment": "inner"}})
    make("outermost", {"all": [{"segment": "outer"}]})
    make("other", VIP)
    Segment.objects.update(refresh_asked_at=None)

    segments.edit_segment(inner, {"rule": {"tag": "gold"}}, now=later(hours=1))

    asked = Segment.objects.exclude(refresh_asked_at=None).values_list("slug", flat=True)
    assert set(asked) == {"inner", "outer", "outermost"}


def test_a_name_is_changed_without_finding_the_members_anew() -> None:
    segment = make("vips", VIP)
    Segment.objects.update(refresh_asked_at=None)

    segments.edit_segment(segment, {"name": "The best", "description": "of all"}, now=NOON)

    segment.refresh_from_db()
    assert (segment.name, segment.description, segment.refresh_asked_at) == ("The best", "of all", None)
    assert segment.history.count() == 2


class TestSegmentsInRules:
    def test_a_segment_is_a_condition(self) -> None:
        ann, boon = tagged("Ann"), CustomerFactory.create(name="Boon")
        make("vips", VIP)

        # The rule counts, not the list of members, which nobody has made yet.
        assert matches(parse_rule({"segment": "vips"}), [ann.pk, boon.pk], now=NOON) == {ann.pk}
        assert matches(parse_rule({"not": {"segment": "vips"}}), [ann.pk, boon.pk], now=NOON) == {boon.pk}

    def test_one_that_is_not_there_is_a_fault_and_never_everybody(self) -> None:
        ann = tagged("Ann")
        with pytest.raises(InvalidRule, match="there is no segment “gone”"):
            matches(parse_rule({"not": {"segment": "gone"}}), [ann.pk], now=NOON)
        with pytest.raises(InvalidSegment) as caught:
            make("new-one", {"all": [VIP, {"not": {"segment": "gone"}}]})
        assert [str(fault) for fault in caught.value.faults] == ["all[1].not.segment: there is no segment “gone”"]

    def test_a_circle_is_refused_and_named(self) -> None:
        first = make("first", VIP)
        make("second", {"segment": "first"})
        make("third", {"any": [VIP, {"segment": "second"}]})

        with pytest.raises(InvalidSegment) as caught:
            segments.edit_segment(first, {"rule": {"all": [VIP, {"not": {"segment": "third"}}]}}, now=NOON)
        with pytest.raises(InvalidSegment, match="first → first"):
            segments.edit_segment(first, {"rule": {"segment": "first"}}, now=NOON)

        (fault,) = caught.value.faults
        assert fault.path == "all[1].not.segment"
        assert fault.message == "goes round in a circle: first → third → second → first"
        first.refresh_from_db()
        assert first.rule == VIP

    def test_a_circle_written_past_the_services_ends(self) -> None:
        make("first", VIP)
        make("second", {"segment": "first"})
        Segment.objects.filter(slug="first").update(rule={"not": {"segment": "second"}})

        with pytest.raises(InvalidRule, match="circle"):
            matches(parse_rule({"segment": "first"}), [1], now=NOON)

    def test_what_doubles_with_every_level_is_refused(self) -> None:
        make("level-0", VIP)
        for level in range(1, 8):
            make(f"level-{level}", {"all": [{"segment": f"level-{level - 1}"}] * 3})

        with pytest.raises(InvalidRule, match="more than 50 segments"):
            matches(parse_rule({"segment": "level-7"}), [1], now=NOON)

    def test_a_segment_that_a_promotions_audience_names_is_not_deleted_even_when_it_is_over(self) -> None:
        segment = make("inner", VIP)
        audience = {"not": {"any": [{"segment": "inner"}]}}
        fields = {"name": "Fair", "percent": 5, "audience": audience, "ends_at": NOON}
        promotion = promotions.create_promotion(fields=fields, actor=None, now=NOON)
        PromotionFactory.create(audience=VIP)

        uses = [(str(use.what), use.name, use.url) for use in segments.users_of(segment)]

        assert uses == [("promotion", "Fair", "/promotions/fair/")]
        with pytest.raises(SegmentInUse, match="promotion “Fair”"):
            segments.delete_segment(segment)
        promotions.edit_promotion(promotion, {"audience": {}})
        segments.delete_segment(segment)
        assert not Segment.objects.exists()

    def test_what_others_speak_of_cannot_be_deleted(self) -> None:
        inner, outer = make("inner", VIP), make("outer", {"segment": "inner"})

        with pytest.raises(SegmentInUse, match="Outer"):
            segments.delete_segment(inner)
        segments.delete_segment(outer)
        segments.delete_segment(inner)

        assert not Segment.objects.exists()


class TestValues:
    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"name": ""}, "name"),
            ({"slug": "No Spaces"}, "slug"),
            ({"slug": "taken"}, "slug"),
            ({"slug": "new"}, "slug"),
            ({"rule": {"moon": "full"}}, "rule"),
            ({"rule": []}, "rule"),
            ({"description": "x" * 1001}, "description"),
        ],
    )
    def test_what_cannot_be_is_refused_by_its_field(self, given: dict[str, Any], field: str) -> None:
        make("taken", VIP)
        with pytest.raises(InvalidSegment) as caught:
            segments.create_segment(**{"name": "A", "rule": VIP, "actor": None, "now": NOON, **given})
        assert caught.value.field == field
        assert Segment.objects.count() == 1

    def test_a_slug_is_made_from_the_name(self) -> None:
        names = ["Great buyers", "Great buyers", "ลูกค้าประจำ", "New"]
        made = [
            segments.create_segment(name=name, rule=VIP, actor=UserFactory.create(), now=NOON).slug for name in names
        ]
        assert made == ["great-buyers", "great-buyers-2", "segment", "new-2"]


def test_whoever_was_in_it_as_the_other_record_has_not_entered_anew() -> None:
    survivor, loser = CustomerFactory.create(name="Ann"), tagged("Ann too")
    segment = make("vips", VIP)
    segments.refresh_segment(segment, now=NOON)

    merges.merge_customers(survivor=survivor, loser=loser, reason="same", actor=None, now=NOON)

    assert members(segment) == {"Ann"}
    assert segments.refresh_segment(segment, now=NOON + timedelta(days=1)) == Refreshed()
    assert Tag.objects.count() == 1
