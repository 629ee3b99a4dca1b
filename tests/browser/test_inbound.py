"""A letter comes in and is answered; consent is recorded with its evidence; what is in doubt is decided on."""

from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm.models import Customer, User
from crm.services import attachments
from messaging.channels.calls import FileIn, FileThere, InboundIn
from messaging.inbound.receive import receive
from messaging.models import ChannelSettings, InboundMessage, Suppression
from messaging.outbox import sender
from messaging.outbox.addresses import suppress
from tests.browser.conftest import Open
from tests.browser.test_accessibility import faults
from tests.factories.crm import CustomerFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, serialized_rollback=True)]
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
LETTER = """It leaks when it is hot.

On Sat, 21 Nov 2026 at 10:15, Baan Kafe <hello@shop.example> wrote:
> Does it leak?
"""


def ploy() -> Customer:
    return CustomerFactory.create(name="Ploy", phone="+66812345678", email="ploy@example.com", line_id="U1")


def hear(body: str, channel: str = "email", address: str = "ploy@example.com") -> InboundMessage:
    now = timezone.now()
    said = InboundIn(
        provider="p", provider_id=f"in-{InboundMessage.objects.count()}", from_address=address, at=now, body=body,
        subject="My kettle" if channel == "email" else "", message_id="<1@mail.example>" if channel == "email" else "",
        files=[FileIn("kettle.png", "image/png", PNG), FileIn("run.exe", "", b"MZ")] if channel == "email" else [],
    )  # fmt: skip
    return receive(said, channel=channel, now=now)


def test_a_letter_is_read_its_file_saved_and_an_answer_arrives(manager: Page, tmp_path: Path) -> None:
    ChannelSettings.objects.update(provider="sandbox")
    ploy()
    hear(LETTER)
    manager.goto("/inbox/")
    manager.get_by_role("link", name="My kettle").click()
    quoted = manager.get_by_text("> Does it leak?")
    expect(quoted).not_to_be_visible()
    manager.get_by_text("Show quoted text").click()
    expect(quoted).to_be_visible()
    expect(manager.get_by_text("“run.exe”")).to_contain_text("was not kept: a kind of file that is not kept")
    with manager.expect_download() as saved:
        manager.get_by_role("link", name="kettle.png").click()
    assert saved.value.suggested_filename == "kettle.png"
    saved.value.save_as(tmp_path / "kettle.png")
    assert (tmp_path / "kettle.png").read_bytes() == PNG
    manager.locator(".pane-reply textarea").fill("We send a new one.")
    manager.get_by_role("button", name="Reply", exact=True).click()
    expect(manager.locator(".turn-staff .turn-mark")).to_have_text("queued")
    sender.send_due(now=timezone.now(), limit=10)
    manager.reload()
    expect(manager.locator(".turn-staff .turn-mark")).to_have_text("delivered")


def test_a_reply_brings_its_files_and_a_bad_one_loses_no_words(manager: Page) -> None:
    ploy()
    ChannelSettings.objects.create(channel="line", provider="sandbox")
    row = hear("It leaks", channel="line", address="U1")
    assert row.ticket is not None
    manager.goto(row.ticket.get_absolute_url())
    pane = manager.locator(".pane-reply")
    pane.locator("textarea").fill("See how it is put together.")
    pane.get_by_text("Attach files").first.click()
    pane.get_by_label("Attach files").set_input_files({"name": "run.exe", "mimeType": "image/png", "buffer": b"MZ"})
    manager.get_by_role("button", name="Reply", exact=True).click()
    expect(pane.get_by_text("“run.exe”: a kind of file that is not kept.")).to_be_visible()
    expect(pane.locator("textarea")).to_have_value("See how it is put together.")
    pane.get_by_label("Attach files").set_input_files({"name": "how.png", "mimeType": "image/png", "buffer": PNG})
    manager.get_by_role("button", name="Reply", exact=True).click()
    expect(manager.locator(".turn-staff").get_by_role("link", name="how.png")).to_be_visible()
    sender.send_due(now=timezone.now(), limit=10)
    manager.goto("/sandbox/")
    manager.get_by_role("link", name="Ploy").click()
    expect(manager.get_by_role("img", name="how.png")).to_be_attached()
    assert faults(manager, row.ticket.get_absolute_url()) == []


def test_a_picture_in_line_is_fetched_onto_the_ticket(manager: Page, tmp_path: Path) -> None:
    ploy()
    ChannelSettings.objects.create(channel="line", provider="sandbox")
    now = timezone.now()
    there = [FileThere("1", "image"), FileThere("2", "receipt.pdf"), FileThere("3", "video")]
    row = receive(InboundIn("line", "e1", "U1", now, files_there=there), channel="line", now=now)
    assert row.ticket is not None
    manager.goto(row.ticket.get_absolute_url())
    expect(manager.get_by_text("“image” is being fetched.")).to_be_visible()
    image, receipt, _video = row.ticket.messages.get().attachments.all()
    attachments.keep_awaited(image, PNG)
    attachments.give_up(receipt)
    manager.reload()
    expect(manager.get_by_text("“receipt.pdf” could not be fetched. Please ask for it again.")).to_be_visible()
    expect(manager.get_by_text("“video” is being fetched.")).to_be_visible()
    assert faults(manager, row.ticket.get_absolute_url()) == []
    with manager.expect_download() as saved:
        manager.get_by_role("link", name="image.png").click()
    saved.value.save_as(tmp_path / "image.png")
    assert (tmp_path / "image.png").read_bytes() == PNG


def test_a_yes_is_kept_with_what_was_asked(manager: Page) -> None:
    customer = ploy()
    manager.goto(customer.get_absolute_url())
    manager.get_by_role("link", name="Evidence, and record what they told you").click()
    manager.get_by_label("yes").check()
    manager.get_by_role("button", name="Keep it").click()
    expect(manager.locator(".field-bad").first).to_contain_text("Is needed for a yes")
    manager.get_by_label("Where and how?").fill("on the phone")
    manager.get_by_label("What were they asked").fill("May we text you offers?")
    manager.get_by_role("button", name="Keep it").click()
    expect(manager.locator("#evidence")).to_contain_text("“May we text you offers?”")
    assert customer.consents.get().state == "in"


def test_a_doubt_is_decided_on_from_the_list(manager: Page) -> None:
    hear("STOPPED by yesterday", "sms", "+66812345678")
    manager.goto("/messages/inbound/")
    manager.get_by_role("link", name="Wants a look").click()
    manager.get_by_role("link", name="STOPPED by yesterday").click()
    manager.get_by_role("button", name="Yes: send nothing more").click()
    expect(manager.locator(".toast")).to_contain_text("Nothing more is sent there.")
    assert Suppression.objects.get().cause == "stop"


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "th")])
def test_these_pages_can_be_used_by_everybody(open_as: Open, theme: str, language: str) -> None:
    customer = ploy()
    letter, nobodys = hear(LETTER), hear("Your parcel", "sms", "Post-Info")
    suppress("email", "ploy@example.com", scope="all", cause="staff", now=timezone.now())
    assert letter.ticket is not None
    addresses = [
        letter.ticket.get_absolute_url(), f"{customer.get_absolute_url()}consents/", "/messages/inbound/",
        "/messages/inbound/?channel=line", letter.get_absolute_url(), nobodys.get_absolute_url(),
    ]  # fmt: skip
    page = open_as(User.Role.ADMIN, theme=theme, language=language)
    assert [fault for address in addresses for fault in faults(page, address)] == []
