from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from crm.models import Event, FailedReaction, Review, Task, Ticket, User
from tests.crm.views.conftest import SignIn
from tests.factories.crm import CustomerFactory, PurchaseFactory, ReviewFactory, TicketFactory, UserFactory

pytestmark = pytest.mark.django_db


def sections(client: Client) -> dict[str, list[str]]:
    """{section: the titles of its rows}, those of crm."""
    response = client.get("/")
    assert response.status_code == 200
    found: dict[str, list[str]] = {section.key: [] for section in response.context["clear"]}
    found |= {entry.section.key: [str(item.title) for item in entry.items] for entry in response.context["sections"]}
    return {key: found[key] for key in ("tickets", "tasks", "late", "moderate", "answer", "failures") if key in found}


def test_a_quiet_shop_says_so(manager: Client) -> None:
    assert set(map(tuple, sections(manager).values())) == {()}
    page = manager.get("/").content.decode()
    assert "Hello Mali" in page
    assert "Everybody has been answered." in page


def test_what_waits_is_gathered_from_every_queue(manager: Client) -> None:
    now = timezone.now()
    customer = CustomerFactory(name="Ploy")
    TicketFactory(customer=customer, subject="Which size?")
    TicketFactory(customer=customer, subject="Answered", status=Ticket.Status.PENDING)
    Task.objects.create(title="Overdue", due_at=now - timedelta(days=2))
    Task.objects.create(title="Next week", due_at=now + timedelta(days=6))
    Task.objects.create(title="A colleague's", due_at=now, assignee=UserFactory())
    PurchaseFactory(customer=customer, reference="WEB-1", promised_at=now - timedelta(days=2))
    PurchaseFactory(customer=customer, reference="WEB-2", promised_at=now + timedelta(days=2))
    ReviewFactory(customer=customer, title="Fine", rating=4, reviewed_at=now)
    ReviewFactory(
        customer=customer, title="Thanks", rating=5, status=Review.Status.PUBLISHED, published_at=now, reviewed_at=now
    )
    FailedReaction.objects.create(
        event=Event.objects.earliest("pk"), receiver="journeys.advance", error="boom", failed_at=now, retry_at=now
    )
    assert sections(manager) == {
        "tickets": ["Which size?"],
        "tasks": ["Overdue"],
        "late": ["Order WEB-1"],
        "moderate": ["★★★★ Fine"],
        "answer": ["★★★★★ Thanks"],
        "failures": ["Became known · journeys.advance"],
    }


def test_roles_see_the_queues_they_work(sign_in: SignIn) -> None:
    assert list(sections(sign_in(User.Role.SALES))) == ["tickets", "tasks", "late", "moderate"]
    assert list(sections(sign_in(User.Role.SUPPORT))) == ["tickets", "late", "moderate", "answer"]
    assert list(sections(sign_in(User.Role.VIEWER))) == ["tickets", "late", "moderate"]


def test_a_late_order_is_marked_delivered_from_its_row_once(manager: Client) -> None:
    order = PurchaseFactory(reference="WEB-1", promised_at=timezone.now() - timedelta(days=2))
    row = {"HX-Request": "true"}
    assert manager.post(f"{order.get_absolute_url()}arrived/", headers=row).status_code == 200
    order.refresh_from_db()
    delivered_at = order.delivered_at
    assert delivered_at is not None
    manager.post(f"{order.get_absolute_url()}arrived/", headers=row)
    order.refresh_from_db()
    assert order.delivered_at == delivered_at


def test_the_navigation_shows_where_one_is_and_what_waits(manager: Client) -> None:
    TicketFactory()
    links = {link.item.key: link for link in manager.get("/inbox/?queue=all").context["navigation"]}
    assert links["inbox"].current
    assert links["inbox"].waiting == 1
    assert not links["today"].current


class TestSearch:
    def test_people_orders_and_tickets_are_found_by_what_is_at_hand(self, manager: Client) -> None:
        customer = CustomerFactory(name="พลอย ใจดี", phone="+66812345678")
        PurchaseFactory(customer=customer, reference="WEB-77")
        ticket = TicketFactory(customer=customer, subject="Which size fits?")

        def found(text: str) -> tuple[int, int, int]:
            result = manager.get("/search/", {"q": text}).context["found"]
            return len(result.customers), len(result.purchases), len(result.tickets)

        assert found("ใจดี") == (1, 0, 0)
        assert found("0812345") == (1, 0, 0)
        assert found("#web-77") == (0, 1, 0)
        assert found("which SIZE") == (0, 0, 1)
        assert found(ticket.number) == (0, 0, 1)
        assert found("nothing like it") == (0, 0, 0)
        assert found("") == (0, 0, 0)
        assert found("\0") == (0, 0, 0)
