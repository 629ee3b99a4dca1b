"""Pictures that LINE and Twilio keep: fetched from them and nowhere else, kept or given up, and said on the ticket."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from crm.lib.uploads import LARGEST
from crm.models import TicketAttachment
from messaging.channels import registry
from messaging.channels.base import Failure, PermanentFailure, TemporaryFailure
from messaging.channels.calls import FileIn, FileThere, InboundIn
from messaging.inbound import fetching
from messaging.inbound.fetching import GIVE_UP, LEASE, fetch_due
from messaging.inbound.receive import receive
from messaging.models import ChannelSettings, FileToFetch, InboundMessage
from tests.factories.crm import NOON
from tests.messaging.providers.gateway import Gateway, Hangup, Reply, Taken, nobody

pytestmark = pytest.mark.django_db(transaction=True)

JPEG = b"\xff\xd8\xff" + b"\0" * 20
USER = "U" + "1" * 32
MEDIA = f"AC{'a' * 32}/Messages/MM{'b' * 32}/Media/ME{'c' * 32}"
PHOTO = Reply(body=JPEG, headers={"Content-Type": "image/jpeg"})


@pytest.fixture
def store() -> Iterator[Gateway]:
    with Gateway(answer=lambda taken: PHOTO) as gateway:
        yield gateway
    registry._made.cache_clear()


def channel(name: str, provider: str, config: dict[str, Any]) -> None:
    row, _ = ChannelSettings.objects.update_or_create(channel=name, defaults={"provider": provider})
    row.config = config
    row.save()


@pytest.fixture
def line(store: Gateway) -> Gateway:
    channel("line", "line", {"channel_access_token": "tok", "channel_secret": "s", "data_url": store.address})
    return store


@pytest.fixture
def twilio(store: Gateway, settings: Any) -> Gateway:
    settings.WEBHOOK_TRUSTED = [store.address.removeprefix("http://")]
    channel("sms", "twilio", {"account_sid": f"AC{'a' * 32}", "auth_token": "tok", "api_url": store.address})
    return store


def photo(*files: FileThere, provider: str = "line", **more: Any) -> TicketAttachment:
    """Somebody sends a picture; what their ticket waits for."""
    sender = USER if provider == "line" else "+66812345678"
    inbound = InboundIn(
        provider=provider, provider_id="1", from_address=sender, at=NOON,
        files_there=files or [FileThere("77", "image")], **more,
    )  # fmt: skip
    row = receive(inbound, channel={"line": "line", "twilio": "sms"}[provider], now=NOON)
    assert row.ticket is not None
    return row.ticket.messages.get().attachments.first()  # type: ignore[return-value]


def fresh(attachment: TicketAttachment) -> TicketAttachment:
    attachment.refresh_from_db()
    return attachment


def asked(gateway: Gateway) -> list[Taken]:
    return gateway.taken


class TestKept:
    def test_a_picture_in_line_is_on_the_ticket(self, line: Gateway) -> None:
        awaited = photo()
        assert (awaited.name, awaited.is_awaited, awaited.message.ticket.subject) == (
            "image",
            True,
            "\N{PAPERCLIP} image",
        )
        assert (awaited.message.body, InboundMessage.objects.get().body) == ("", "[image]")
        assert fetch_due(now=NOON) == 1
        (taken,) = asked(line)
        assert (taken.method, taken.target) == ("GET", "/v2/bot/message/77/content")
        assert taken.headers["authorization"] == "Bearer tok"
        kept = fresh(awaited)
        assert (kept.name, kept.content_type, kept.size, kept.refusal) == ("image.jpg", "image/jpeg", len(JPEG), "")
        assert kept.file.read() == JPEG
        assert (fetch_due(now=NOON + GIVE_UP), FileToFetch.objects.count()) == (0, 0)

    def test_a_picture_of_twilio_s_is_fetched_by_way_of_its_store_which_gets_no_password(self, twilio: Gateway) -> None:
        awaited = photo(FileThere(MEDIA, "picture"), provider="twilio")
        twilio.will(Reply(307, body="moved", headers={"Location": "/store/x?signature=y"}), PHOTO)
        fetch_due(now=NOON)
        first, second = asked(twilio)
        assert first.target == f"/2010-04-01/Accounts/{MEDIA}"
        assert first.headers["authorization"].startswith("Basic ")
        assert (second.target, "authorization" in second.headers) == ("/store/x?signature=y", False)
        assert fresh(awaited).name == "picture.jpg"

    def test_each_of_several_goes_where_it_belongs(self, line: Gateway) -> None:
        photo(FileThere("1", "image"), FileThere("2", "receipt.pdf"))
        line.will(Reply(body=JPEG), Reply(body=b"%PDF-1.7"))
        assert fetch_due(now=NOON, limit=1) == 1
        assert fetch_due(now=NOON, limit=1) == 1
        names = TicketAttachment.objects.order_by("position").values_list("name", "content_type")
        assert list(names) == [("image.jpg", "image/jpeg"), ("receipt.pdf", "application/pdf")]

    @pytest.mark.parametrize(
        ("content", "refusal", "size"),
        [(b"MZ\x90", "kind", 3), (b"\xff\xd8\xff" + b"\0" * (LARGEST + 5), "too_large", LARGEST + 1)],
    )
    def test_what_no_letter_may_bring_may_not_come_so(
        self, line: Gateway, content: bytes, refusal: str, size: int
    ) -> None:
        awaited = photo()
        line.will(Reply(body=content))
        fetch_due(now=NOON)
        refused = fresh(awaited)
        assert (refused.refusal, refused.size, bool(refused.file)) == (refusal, size, False)


class TestOfLetters:
    def test_what_brevo_keeps_is_asked_for_with_the_account_s_key(self, store: Gateway) -> None:
        settings = {"api_key": "key", "api_url": f"{store.address}/v3/"}
        channel("email", "anymail", {"esp": "brevo", "settings": settings, "webhook_secret": "a:b"})
        there = [FileThere("tok/1?x=" + "y" * 800, "leak")]
        inbound = InboundIn("anymail", "1", "ploy@example.com", NOON, body="It leaks", files_there=there)
        row = receive(inbound, channel="email", now=NOON)
        fetch_due(now=NOON)
        (taken,) = asked(store)
        assert taken.target == f"/v3/inbound/attachments/tok%2F1%3Fx%3D{'y' * 800}"
        assert taken.headers["api-key"] == "key"
        assert row.ticket is not None
        assert row.ticket.messages.get().attachments.get().name == "leak.jpg"


class TestTriedAgain:
    @pytest.mark.parametrize(
        "step",
        [
            Reply(202, body="not yet"), Reply(500), Reply(503), Reply(429), Reply(401), Hangup(half=True),
        ],
    )  # fmt: skip
    def test_what_may_come_yet_is_waited_for(self, line: Gateway, step: Any) -> None:
        awaited = photo()
        line.will(step)
        fetch_due(now=NOON)
        row = FileToFetch.objects.get()
        assert (row.attempts, row.due_at, fresh(awaited).is_awaited) == (1, NOON + timedelta(seconds=30), True)
        assert row.fault != ""
        fetch_due(now=row.due_at)
        assert fresh(awaited).name == "image.jpg"

    def test_a_provider_may_name_the_time(self, line: Gateway) -> None:
        photo()
        line.will(Reply(429, headers={"Retry-After": "120"}))
        fetch_due(now=NOON)
        assert FileToFetch.objects.get().due_at == NOON + timedelta(minutes=2)

    def test_waits_grow_to_an_hour_and_end_after_a_day(self) -> None:
        with nobody() as address:
            channel("line", "line", {"channel_access_token": "t", "channel_secret": "s", "data_url": address})
            awaited = photo()
            now, waits = NOON, []
            while row := FileToFetch.objects.first():
                fetch_due(now=row.due_at)
                waits.append(int((row.due_at - now).total_seconds()))
                now = row.due_at
        registry._made.cache_clear()
        assert waits[:9] == [0, 30, 60, 120, 240, 480, 960, 1920, 3600]
        assert now == NOON + GIVE_UP
        assert fresh(awaited).refusal == "lost"

    def test_a_worker_that_died_leaves_it_to_the_next(self, line: Gateway) -> None:
        awaited = photo()
        FileToFetch.objects.update(attempts=1, due_at=NOON + LEASE)
        assert fetch_due(now=NOON + LEASE - timedelta(seconds=1)) == 0
        assert fetch_due(now=NOON + LEASE) == 1
        assert fresh(awaited).name == "image.jpg"

    def test_one_that_wakes_up_late_changes_nothing(self, line: Gateway) -> None:
        awaited = photo()
        TicketAttachment.objects.filter(pk=awaited.pk).update(refusal="lost")
        fetch_due(now=NOON)
        assert (fresh(awaited).refusal, bool(awaited.file)) == ("lost", False)


class TestGivenUp:
    @pytest.mark.parametrize("step", [Reply(404), Reply(410), Reply(400)])
    def test_what_is_not_there_is_said(self, line: Gateway, step: Reply) -> None:
        awaited = photo()
        line.will(step)
        fetch_due(now=NOON)
        assert (fresh(awaited).refusal, FileToFetch.objects.count()) == ("lost", 0)

    @pytest.mark.parametrize(
        "place",
        [
            "http://169.254.169.254/latest/", "https://evil.example/x", "https://twilio.com.evil.example/x",
            "https://media.twiliocdn.com:22/x", "https://user@media.twiliocdn.com/x", "file:///etc/passwd",
            "//evil.example", "https://s3-external-1.amazonaws.com/mallory/x", "http://[::1]/",
        ],
    )  # fmt: skip
    def test_no_redirect_leads_anywhere_else(self, twilio: Gateway, place: str) -> None:
        awaited = photo(FileThere(MEDIA, "picture"), provider="twilio")
        twilio.will(Reply(302, body="moved", headers={"Location": place}))
        fetch_due(now=NOON)
        assert (fresh(awaited).refusal, len(asked(twilio))) == ("lost", 1)

    def test_nor_round_and_round(self, twilio: Gateway) -> None:
        awaited = photo(FileThere(MEDIA, "picture"), provider="twilio")
        twilio.will(*[Reply(302, body="moved", headers={"Location": "/again"})] * 9)
        fetch_due(now=NOON)
        assert (fresh(awaited).refusal, len(asked(twilio))) == ("lost", 4)

    def test_line_leads_nowhere_at_all(self, line: Gateway) -> None:
        awaited = photo()
        line.will(Reply(302, body="moved", headers={"Location": "/elsewhere"}))
        fetch_due(now=NOON)
        assert (fresh(awaited).refusal, len(asked(line))) == ("lost", 1)

    def test_another_provider_s_files_are_out_of_reach(self, line: Gateway) -> None:
        awaited = photo()
        ChannelSettings.objects.filter(channel="line").update(provider="sandbox")
        fetch_due(now=NOON)
        assert (fresh(awaited).refusal, asked(line)) == ("lost", [])


class TestHeard:
    def test_a_picture_with_a_stop_is_a_stop(self, twilio: Gateway) -> None:
        files = [FileThere(MEDIA, "picture")]
        inbound = InboundIn("twilio", "1", "+66812345678", NOON, body="STOP", files_there=files)
        assert receive(inbound, channel="sms", now=NOON).reading == "stop"


@pytest.mark.parametrize("found", [TemporaryFailure("later"), PermanentFailure("gone"), FileIn("", "", JPEG)])
def test_a_picture_that_is_taken_back_while_it_is_fetched_is_not_kept(line: Gateway, found: FileIn | Failure) -> None:
    attachment = photo()
    (row,) = fetching._claim(NOON, 1)
    attachment.delete()
    fetching._settle(row, found, NOON)
    assert not FileToFetch.objects.exists()
    assert not TicketAttachment.objects.exists()
