import json

import pytest
from django.test import Client
from django.urls import reverse

from crm.models import Segment, User
from crm.services import segments
from tests.crm.views.conftest import SignIn
from tests.crm.views.test_budgets import LIST_BUDGET, RECORD_BUDGET, cost
from tests.factories.crm import NOON, CustomerFactory, PromotionFactory, UserFactory, sales_see_their_own

pytestmark = pytest.mark.django_db
THAI = {"field": {"name": "language", "op": "eq", "value": "th"}}

# The editor reads a list of suggestions for each kind of thing there is.
PAGES = {
    "/segments/": LIST_BUDGET, "/segments/speak-thai/": RECORD_BUDGET, "/segments/speak-thai/edit/": RECORD_BUDGET,
}  # fmt: skip


def make(name: str = "Speak Thai", rule: object = THAI) -> Segment:
    segment = segments.create_segment(name=name, rule=rule, actor=None, now=NOON)
    segments.refresh_segment(segment, now=NOON)
    return segment


def test_a_segment_is_made_shown_edited_and_deleted(manager: Client) -> None:
    CustomerFactory(name="Ploy", language="th")
    response = manager.post("/segments/new/", {"name": "Speak Thai", "rule": json.dumps(THAI)})
    assert response["Location"] == "/segments/speak-thai/"
    segments.refresh_asked(now=NOON)
    page = manager.get("/segments/speak-thai/").content.decode()
    assert "Ploy" in page
    assert "language is th" in page
    assert "1" in manager.get("/segments/").content.decode()
    manager.post("/segments/speak-thai/edit/", {"name": "Thai speakers", "rule": json.dumps({"not": THAI})})
    segment = Segment.objects.get()
    assert (segment.name, segment.slug, segment.rule) == ("Thai speakers", "speak-thai", {"not": THAI})
    assert [version.history_user.first_name for version in segment.history.all()] == ["Mali", "Mali"]
    assert manager.post("/segments/speak-thai/refresh/").status_code == 302
    assert manager.post("/segments/speak-thai/delete/").status_code == 302
    assert not Segment.objects.exists()


def test_the_faults_of_a_rule_are_shown_with_their_places(manager: Client) -> None:
    rule = {"all": [THAI, {"event": {"name": "X", "within": "soon"}}]}
    response = manager.post("/segments/new/", {"name": "A", "rule": json.dumps(rule)})
    assert response.status_code == 422
    assert '<li data-path="all[1].event.within">' in response.content.decode()
    assert manager.post("/segments/new/", {"name": "A", "rule": "{"}).status_code == 422
    assert not Segment.objects.exists()


def test_a_segment_another_speaks_of_is_not_deleted(manager: Client) -> None:
    make()
    make("Others", {"not": {"segment": "speak-thai"}})
    response = manager.post("/segments/speak-thai/delete/", follow=True)
    page = response.content.decode()
    assert "It is in use and stays: Others (segment)." in page
    assert 'action="/segments/speak-thai/delete/"' not in page
    assert '<a class="grow two-lines" href="/segments/others/">' in page
    assert Segment.objects.count() == 2


def test_a_segment_a_promotion_speaks_of_is_not_deleted_by_page_or_admin(manager: Client) -> None:
    segment = make()
    PromotionFactory.create(slug="fair", name="Fair", audience={"segment": "speak-thai"})
    page = manager.post("/segments/speak-thai/delete/", follow=True).content.decode()
    assert "It is in use and stays: Fair (promotion)." in page
    assert '<a class="grow two-lines" href="/promotions/fair/">' in page
    admin = Client()
    admin.force_login(UserFactory.create(is_superuser=True))
    assert admin.post(reverse("admin:crm_segment_delete", args=[segment.pk]), {"post": "yes"}).status_code == 403
    assert Segment.objects.exists()


def test_the_customers_list_is_narrowed_to_the_members(manager: Client) -> None:
    CustomerFactory(name="Ploy", language="th")
    CustomerFactory(name="John", language="en")
    make()
    page = manager.get("/customers/?segment=speak-thai")
    assert [customer.name for customer in page.context["page"].rows] == ["Ploy"]
    assert manager.get("/customers/?segment=gone").status_code == 400


class TestThePreview:
    def test_it_counts_and_shows_some(self, manager: Client) -> None:
        CustomerFactory(name="Ploy", language="th")
        CustomerFactory(name="John", language="en")
        said = manager.post("/rules/preview/", {"rule": json.dumps(THAI)}).content.decode()
        assert '<b class="rule-count">1</b> customer now' in said
        assert "Ploy" in said
        assert "John" not in said

    @pytest.mark.parametrize(
        "rule", ["{", "[]", '"x"', '{"tag": ""}', '{"segment": "gone"}', '{"a": 1, "b": 2}', "\x00"]
    )
    def test_whatever_is_written_is_answered(self, manager: Client, rule: str) -> None:
        response = manager.post("/rules/preview/", {"rule": rule})
        assert response.status_code == 200
        assert "data-rule-faults" in response.content.decode()

    def test_a_rule_that_would_lead_back_to_its_segment_is_a_fault(self, manager: Client) -> None:
        make()
        said = manager.post(
            "/rules/preview/", {"as": "audience", "audience": '{"segment": "speak-thai"}', "of": "speak-thai"}
        )
        assert "goes round in a circle" in said.content.decode()

    def test_where_a_rule_is_optional_nothing_said_finds_nobody_to_speak_of(self, manager: Client) -> None:
        CustomerFactory(name="Ploy")
        for rule in ("", " {} "):
            assert manager.post("/rules/preview/", {"rule": rule, "optional": "1"}).content == b""
        said = manager.post("/rules/preview/", {"rule": json.dumps({"tag": "vip"}), "optional": "1"})
        assert '<b class="rule-count">0</b>' in said.content.decode()

    def test_it_counts_only_whom_the_reader_may_see(self, sign_in: SignIn) -> None:
        sales_see_their_own()
        CustomerFactory(owner=None)
        assert sign_in(User.Role.SALES).post("/rules/preview/", {"rule": "{}"}).status_code == 403


def test_properties_are_those_the_latest_events_had(manager: Client) -> None:
    customer = CustomerFactory()
    segments.log.record_many(
        [segments.EventDraft("Kettle Boiled", customer.pk, NOON, "1", properties={"litres": 1, "at": {"city": "BKK"}})],
        now=NOON,
    )
    found = manager.get("/rules/properties/?event=Kettle+Boiled").json()
    assert found == {"event": "Kettle Boiled", "properties": ["at.city", "litres"]}
    assert manager.get("/rules/properties/?event=%00").json()["properties"] == []
    editor = manager.get("/segments/new/").context["builder"]["menu"]
    assert ["Kettle Boiled", "Kettle Boiled"] in editor["lists"]["events"]
    assert {"stage", "message", "purchases", "segment"} <= {offer["kind"] for offer in editor["offers"]}


def test_no_page_costs_more_than_its_budget_however_many_are_in_it(manager: Client) -> None:
    for name in ("Ploy", "Malee", "Somsak"):
        CustomerFactory(name=name, language="th")
    make()
    few = {url: cost(manager, url) for url in PAGES}
    for number in range(20):
        CustomerFactory(name=f"Person {number}", language="th")
        make(f"Segment {number}")

    assert {url: cost(manager, url) for url in PAGES} == few
    assert {url: few[url] for url, most in PAGES.items() if few[url] > most} == {}


@pytest.mark.parametrize(
    ("role", "sees", "edits"),
    [("manager", 200, 200), ("marketer", 200, 200), ("viewer", 200, 403), ("sales", 403, 403), ("support", 403, 403)],
)
def test_who_may_see_and_edit_them(sign_in: SignIn, role: str, sees: int, edits: int) -> None:
    make()
    client = sign_in(role)
    assert client.get("/segments/").status_code == client.get("/segments/speak-thai/").status_code == sees
    assert client.get("/segments/new/").status_code == client.get("/segments/speak-thai/edit/").status_code == edits
