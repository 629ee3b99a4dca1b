"""Where somebody says what a restored database lacks, and where the others learn that nothing goes out."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.lib import metrics
from messaging.health import messages_on_their_way, restored_backup
from messaging.models import Message, Restoration
from messaging.outbox import recovery, restores
from messaging.outbox.sender import send_due
from tests.factories.crm import UserFactory
from tests.factories.messaging import MessageFactory
from tests.messaging.fakes import FakeProvider

pytestmark = pytest.mark.django_db

PAGE, DECIDE = "/messages/restored/", "/messages/restored/decide/"
HOUR = timedelta(hours=1)
HELD = "The database was restored from a backup"


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(UserFactory(role=role, username=role))
    return client


def text_of(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def message(fake: type[FakeProvider]) -> Message:
    at = timezone.now() - HOUR
    made: Message = MessageFactory(queued_at=at, due_at=at)
    return made


@pytest.fixture
def held(message: Message) -> Restoration:
    return restores.tell(backup_at=timezone.now() - HOUR, now=timezone.now())


class TestThePage:
    def test_while_all_is_well_it_says_so(self, message: Message) -> None:
        assert "The database is the one it was. Messages go out." in text_of(signed_in("admin"), PAGE)

    def test_it_says_what_waits_and_what_can_be_found_out(self, held: Restoration) -> None:
        page = text_of(signed_in("admin"), PAGE)
        assert "A person said so." in page
        assert "cannot be asked about: it is left to you, under unclear" in page
        assert "Reconcile, then send" in page

    def test_an_administrator_has_it_reconciled(self, held: Restoration, message: Message) -> None:
        admin = signed_in("admin")
        assert admin.post(DECIDE, {"verdict": "reconcile"}).headers["Location"] == PAGE
        assert "The ledger is being gone through" in text_of(admin, PAGE)
        while recovery.go_on(now=timezone.now()):
            pass
        row = Restoration.objects.get()
        assert (row.verdict, str(row.asked_by), row.in_question) == ("reconciled", row.asked_as, 1)
        assert "Messages that are left to you" in text_of(admin, PAGE)
        message.refresh_from_db()
        assert message.state == "unknown_final"

    def test_or_says_why_nothing_is_missing(self, held: Restoration, fake: type[FakeProvider]) -> None:
        admin = signed_in("admin")
        assert admin.post(DECIDE, {"verdict": "false_alarm", "why": ""}).status_code == 422
        assert restores.current() == held
        admin.post(DECIDE, {"verdict": "false_alarm", "why": "A planned move"})
        assert "A planned move" in text_of(admin, PAGE)
        assert send_due(now=timezone.now(), limit=10) == {"sent": 1}

    def test_times_that_cannot_be_are_said_on_the_page(self, held: Restoration) -> None:
        answer = signed_in("admin").post(DECIDE, {"verdict": "reconcile", "since": "2100-01-01T00:00"})
        assert (answer.status_code, "Neither time can lie ahead." in answer.content.decode()) == (422, True)
        assert Restoration.objects.get().asked_at is None

    def test_a_second_one_comes_too_late(self, message: Message) -> None:
        answer = signed_in("admin").post(DECIDE, {"verdict": "reconcile"}, follow=True)
        assert "Nothing was restored: messages go out." in answer.content.decode()

    def test_nothing_else_can_be_decided(self, held: Restoration) -> None:
        assert signed_in("admin").post(DECIDE, {"verdict": "hurry"}).status_code == 400

    @pytest.mark.parametrize(
        ("role", "sees", "decides"), [("manager", 200, 403), ("marketer", 403, 403), ("viewer", 403, 403)]
    )
    def test_only_administrators_decide_and_managers_see(
        self, held: Restoration, role: str, sees: int, decides: int
    ) -> None:
        client = signed_in(role)
        answer = client.get(PAGE)
        assert (answer.status_code, b"Reconcile, then send" in answer.content) == (sees, False)
        assert client.post(DECIDE, {"verdict": "reconcile"}).status_code == decides
        assert Restoration.objects.get().asked_at is None


class TestWhoIsTold:
    @pytest.mark.parametrize("url", ["messaging:message_list", "messaging:delivery_health", "crm:today"])
    @pytest.mark.parametrize("role", ["admin", "manager"])
    def test_the_pages_on_which_somebody_would_look(self, held: Restoration, url: str, role: str) -> None:
        page = text_of(signed_in(role), reverse(url))
        assert HELD in page
        assert f'href="{PAGE}"' in page

    def test_the_message_itself(self, held: Restoration, message: Message) -> None:
        client = signed_in("admin")
        assert HELD in text_of(client, message.get_absolute_url())
        assert "held: restored" in text_of(client, reverse("messaging:message_list"))

    def test_nobody_while_all_is_well(self, message: Message) -> None:
        page = text_of(signed_in("admin"), reverse("messaging:message_list"))
        assert (HELD in page, "held: restored" in page) == (False, False)

    def test_the_doctor_and_nobody_is_told_that_the_worker_is_dead(self, held: Restoration) -> None:
        (finding,) = restored_backup(timezone.now())
        assert (finding.level, HELD in finding.message, "manage.py reconcile" in finding.remedy) == (
            "error",
            True,
            True,
        )
        assert [found.level for found in messages_on_their_way(timezone.now())] == ["ok"]

    def test_the_monitor(self, message: Message) -> None:
        assert "waymark_sending_held 0\n" in metrics.exposition(timezone.now())
        restores.tell(backup_at=timezone.now() - HOUR, now=timezone.now())
        assert "waymark_sending_held 1\n" in metrics.exposition(timezone.now())
