from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from crm.models import Customer, User
from messaging.models import Message, SandboxText, Template
from messaging.outbox import sender
from tests.crm.views.conftest import SignIn
from tests.factories.crm import CustomerFactory, PurchaseFactory, later
from tests.factories.messaging import make_template

pytestmark = pytest.mark.django_db


def sms_form(**changes: str) -> dict[str, str]:
    return {"name": "Thanks", "slug": "thanks", "en_body": "Thank you", "th_body": "", **changes}


def tried(client: Client, url: str, data: dict[str, str], headers: dict[str, str]) -> dict[str, Any]:
    """What the preview shows, by language."""
    answer = client.post(url, data, headers=headers)
    assert answer.status_code == 200
    assert answer.content.decode().lstrip().startswith('<div id="preview"')
    return {text.language: text for text in answer.context["tried"]}


# --- Looking --------------------------------------------------------------------------------------


def test_the_list_shows_what_is_live_of_each_template(manager: Client) -> None:
    make_template("thanks", en="Thank you", th="ขอบคุณ")
    make_template("draft", "email", published=False, en="Not yet")
    rows = manager.get("/templates/").context["templates"]
    assert [(row.slug, [version.number for version in row.live]) for row in rows] == [("draft", []), ("thanks", [1])]
    shown = manager.get("/templates/?channel=sms&q=THAN").content.decode()
    assert "Thank you" in shown
    assert "Not yet" not in shown


def test_an_empty_list_and_one_without_a_match_are_different_things(manager: Client) -> None:
    assert "No template yet." in manager.get("/templates/").content.decode()
    make_template("thanks", en="Thank you")
    assert "No template matches." in manager.get("/templates/?q=nothing").content.decode()


def test_the_list_costs_the_same_however_long_it_is(manager: Client, django_assert_max_num_queries: Any) -> None:
    for n in range(8):
        make_template(f"number-{n}", en="Hello", th="สวัสดี")
    with django_assert_max_num_queries(12):
        manager.get("/templates/")


def test_a_template_is_read_as_a_customer_would(manager: Client) -> None:
    customer = CustomerFactory(name="Ploy Suwan")
    PurchaseFactory(customer=customer, reference="W-77", placed_at=later(hours=1))
    CustomerFactory(name="Somchai Jaidee")
    text = "Hello {{ customer.first_name }}, order {{ event.order_id }}"
    template = make_template("thanks", en=text, th="สวัสดี {{ customer.first_name }}")
    shown = manager.get(template.get_absolute_url())
    assert [(variant.language, found.letter.body) for variant, found in shown.context["texts"]] == [
        ("en", "Hello Ploy, order W-77"), ("th", "สวัสดี Ploy"),
    ]  # fmt: skip
    assert "with the data of order W-77" in shown.content.decode()
    other = manager.get(f"{template.get_absolute_url()}?as=somchai")
    assert other.context["texts"][1][1].letter.body == "สวัสดี Somchai"
    assert "with an order made up for the purpose" in other.content.decode()


def test_in_an_empty_shop_somebody_made_up_reads_it(manager: Client) -> None:
    template = make_template("thanks", en="Hello {{ customer.first_name }}")
    shown = manager.get(template.get_absolute_url())
    assert shown.context["texts"][0][1].letter.body == "Hello Somchai"
    assert not Customer.objects.exists()


def test_who_only_reads_templates_is_offered_no_way_to_write_or_send(sign_in: SignIn) -> None:
    template = make_template("thanks", en="Thank you")
    shown = sign_in(User.Role.VIEWER).get(template.get_absolute_url()).content.decode()
    assert "Thank you" in shown
    assert "/edit/" not in shown
    assert "Send me a test" not in shown


# --- Writing --------------------------------------------------------------------------------------


def test_a_new_template_is_live_at_once(manager: Client) -> None:
    answer = manager.post("/templates/new/?channel=sms", sms_form(th_body="ขอบคุณ"), follow=True)
    template = Template.objects.get()
    version = template.live_version
    assert version is not None
    assert (template.slug, template.channel, template.name, version.number) == ("thanks", "sms", "Thanks", 1)
    assert version.author is not None
    assert dict(version.variants.values_list("language", "body")) == {"en": "Thank you", "th": "ขอบคุณ"}
    assert "Version 1 is live" in answer.content.decode()


def test_a_change_is_the_next_version_and_the_last_one_stays(manager: Client) -> None:
    template = make_template("thanks", en="Thank you", th="ขอบคุณ")
    manager.post(f"{template.get_absolute_url()}edit/", {"name": "Thanks", "en_body": "Thanks a lot", "th_body": ""})
    old, new = template.versions.order_by("number")
    assert dict(old.variants.values_list("language", "body")) == {"en": "Thank you", "th": "ขอบคุณ"}
    assert dict(new.variants.values_list("language", "body")) == {"en": "Thanks a lot"}
    assert template.live_version == new


def test_languages_that_only_programs_wrote_can_be_edited_too(manager: Client) -> None:
    template = make_template("thanks", en="Thank you", de="Danke")
    form = manager.get(f"{template.get_absolute_url()}edit/").context["form"]
    assert form.languages == ["en", "th", "de"]
    assert form["de_body"].value() == "Danke"


def test_an_email_has_a_subject_and_may_have_html(manager: Client) -> None:
    sent = {
        "name": "Thanks", "slug": "thanks", "en_subject": "Thank you", "en_body": "Hello",
        "en_html": "<p>Hello {{ customer.name }}</p>",
    }  # fmt: skip
    manager.post("/templates/new/?channel=email", sent)
    version = Template.objects.get(channel="email").live_version
    assert version is not None
    assert version.variants.values_list("subject", "body", "html").get() == (
        "Thank you", "Hello", "<p>Hello {{ customer.name }}</p>",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("channel", "changes", "field", "fault"),
    [
        ("sms", {"en_body": ""}, "__all__", "At least one language is needed"),
        ("sms", {"slug": "Two_Words!"}, "slug", "Enter a valid “slug”"),
        ("sms", {"name": ""}, "name", "This field is required."),
        (
            "sms",
            {"en_body": "Hi\n{{ customer.x }}"},
            "en_body",
            "Line 2: There is no such variable: customer.x",
        ),
        (
            "sms",
            {"en_body": "{{ shop.name | ljust: 9 }}"},
            "en_body",
            "Line 1: There is no such filter: unknown",
        ),
        ("sms", {"en_body": "{% include 'x' %}"}, "en_body", "Line 1: There is no such tag: unexpected tag 'include'"),
        ("sms", {"en_body": "{{ shop.name"}, "en_body", "Line 1: This is no valid template: {{ is not closed by }}"),
        ("sms", {"th_body": "{% for x in (1..9) %}{% endfor %}"}, "th_body", "This is not offered"),
        ("email", {"en_subject": ""}, "en_subject", "This text is needed."),
        ("email", {"en_subject": "x" * 201}, "en_subject", "Ensure this value has at most 200 characters"),
    ],
)
def test_a_text_that_cannot_be_kept_says_where_and_why(
    manager: Client, channel: str, changes: dict[str, str], field: str, fault: str
) -> None:
    sent = {**sms_form(), "en_subject": "Thank you", **changes}
    answer = manager.post(f"/templates/new/?channel={channel}", sent)
    assert answer.status_code == 422
    assert fault in answer.context["form"].errors[field][0]
    assert not Template.objects.exists()


def test_there_are_only_the_channels_there_are(manager: Client) -> None:
    assert manager.get("/templates/new/?channel=pigeon").status_code == 400


@pytest.mark.parametrize("role", [User.Role.SALES, User.Role.SUPPORT, User.Role.VIEWER])
def test_only_campaigners_write_templates(sign_in: SignIn, role: str) -> None:
    template = make_template("thanks", en="Thank you")
    client = sign_in(role)
    url = template.get_absolute_url()
    assert client.post(f"{url}edit/", {"name": "X", "en_body": "Hacked"}).status_code == 403
    assert client.post("/templates/new/", sms_form(slug="other")).status_code == 403
    assert client.post(f"{url}test/", {"test-language": "en"}).status_code == 403
    assert Template.objects.get().versions.count() == 1
    assert not Message.objects.exists()


# --- Preview --------------------------------------------------------------------------------------


def test_the_preview_follows_the_typing_and_saves_nothing(manager: Client, htmx: Any) -> None:
    CustomerFactory(name="Ploy Suwan")
    template = make_template("thanks", en="Thank you")
    url = f"{template.get_absolute_url()}edit/"
    sent = {"name": "Thanks", "en_body": "Hello {{ customer.first_name }}", "th_body": "สวัสดีค่ะ"}
    shown = tried(manager, url, sent, htmx("preview"))
    assert {language: text.letter.body for language, text in shown.items()} == {"en": "Hello Ploy", "th": "สวัสดีค่ะ"}
    assert template.versions.count() == 1
    without_script = manager.post(url, {**sent, "preview": "yes"})
    assert without_script.status_code == 200
    assert "Hello Ploy" in without_script.content.decode()
    assert template.versions.count() == 1


def test_the_preview_says_what_an_sms_takes(manager: Client, htmx: Any) -> None:
    sent = sms_form(en_body="x" * 161, th_body="ก" * 70)
    answer = manager.post("/templates/new/", sent, headers=htmx("preview")).content.decode()
    assert "2 segments" in answer
    assert "145 characters left · GSM-7" in answer
    assert "1 segment<" in answer
    assert "0 characters left · UCS-2" in answer


def test_the_preview_reports_what_this_customer_does_not_have(manager: Client, htmx: Any) -> None:
    CustomerFactory(name="Ploy Suwan")
    sent = sms_form(
        en_body="Use {{ event.coupon.code }}",
        th_body="{% if event.gift %}มีของขวัญ{% endif %}ขอบคุณ",
    )
    shown = tried(manager, "/templates/new/", sent, htmx("preview"))
    assert (shown["en"].letter, shown["en"].missing) == (None, ("event.coupon.code",))
    assert (shown["th"].letter.body, shown["th"].missing) == ("ขอบคุณ", ("event.gift",))


def test_the_preview_of_half_a_tag_is_no_accident(manager: Client, htmx: Any) -> None:
    shown = tried(manager, "/templates/new/", sms_form(en_body="Hello {{ cust"), htmx("preview"))
    assert (shown["en"].letter, shown["en"].line) == (None, 1)
    assert shown["en"].fault == "This is no valid template: {{ is not closed by }}"


# --- Tests ----------------------------------------------------------------------------------------


def test_a_test_goes_to_whoever_asks_for_it_at_any_hour(sign_in: SignIn) -> None:
    template = make_template("thanks", en="Thank you {{ customer.first_name }}", th="ขอบคุณ {{ customer.first_name }}")
    client = sign_in(User.Role.MARKETER, first_name="Mark", email="mark@shop.example")
    sent = {"test-language": "th", "test-address": "081 999 8888"}
    client.post(f"{template.get_absolute_url()}test/", sent)
    sender.send_due(now=timezone.now(), limit=10)
    message = Message.objects.get()
    assert (message.state, message.address, message.body) == ("delivered", "+66819998888", "ขอบคุณ Mark")
    assert message.customer.email == "mark@shop.example"
    assert str(message.customer.phone) == ""  # the number may be anybody's: it is not learnt
    assert SandboxText.objects.get().address == "+66819998888"


def test_a_test_is_filled_in_with_what_the_chosen_customer_did(manager: Client) -> None:
    customer = CustomerFactory(name="Ploy Suwan")
    PurchaseFactory(customer=customer, reference="W-77")
    template = make_template("thanks", en="Order {{ event.order_id }}")
    sent = {"test-language": "en", "test-address": "0819998888", "as": "ploy"}
    manager.post(f"{template.get_absolute_url()}test/", sent)
    sender.send_due(now=timezone.now(), limit=10)
    assert Message.objects.get().body == "Order W-77"
    assert not customer.messages.exists()


@pytest.mark.parametrize(
    ("sent", "field", "fault"),
    [
        ({"test-language": "en", "test-address": "banana"}, "address", "Not a phone number"),
        ({"test-language": "de", "test-address": "0819998888"}, "language", "Select a valid choice. de is not one"),
    ],
)
def test_a_test_to_nowhere_is_refused(manager: Client, sent: dict[str, str], field: str, fault: str) -> None:
    template = make_template("thanks", en="Thank you")
    answer = manager.post(f"{template.get_absolute_url()}test/", sent)
    assert answer.status_code == 422
    assert fault in answer.context["test_form"].errors[field][0]
    assert not Message.objects.exists()


def test_without_an_email_of_ones_own_there_is_no_test(sign_in: SignIn) -> None:
    template = make_template("thanks", "email", en="Thank you")
    answer = sign_in(User.Role.MANAGER, email="").post(f"{template.get_absolute_url()}test/", {"test-language": "en"})
    assert answer.status_code == 422
    assert "Your profile has no email address" in answer.content.decode()
    assert not Message.objects.exists()


# --- Designs, drafts and what customers lack ----------------------------------------------------------


def test_an_email_may_start_from_a_design(manager: Client) -> None:
    page = manager.get("/templates/new/?channel=email&design=order")
    form = page.context["form"]
    assert "<mj-table" in form["en_mjml"].value()
    assert "คำสั่งซื้อ" in form["th_subject"].value()
    assert "Start from a design" in page.content.decode()
    assert "Start from a design" not in manager.get("/templates/new/?channel=sms").content.decode()


def test_a_design_in_mjml_needs_no_text_of_its_own(manager: Client) -> None:
    mjml = "<mjml><mj-body><mj-section><mj-column><mj-text>Hi</mj-text></mj-column></mj-section></mj-body></mjml>"
    manager.post("/templates/new/?channel=email", {"name": "x", "slug": "x", "en_subject": "S", "en_mjml": mjml})
    version = Template.objects.get().live_version
    assert version is not None
    variant = version.variants.get()
    assert (variant.mjml, variant.frozen_body) == (mjml, "Hi")
    assert variant.frozen_html.startswith("<!doctype html>")


def test_a_fault_in_a_design_stands_beside_it_with_its_line(manager: Client) -> None:
    sent = {"name": "x", "slug": "x", "en_subject": "S", "en_mjml": "<mjml>\n<mj-body>"}
    answer = manager.post("/templates/new/?channel=email", sent)
    assert "Line 2: This is no valid template: <mj-body> is not closed" in answer.context["form"].errors["en_mjml"][0]


def test_what_many_lack_asks_to_be_confirmed(manager: Client) -> None:
    CustomerFactory(name="Ploy", attributes={"size": "M"})
    CustomerFactory(name="Mali")
    sent = sms_form(en_body="Your size: {{ customer.attributes.size }}")
    asked = manager.post("/templates/new/?channel=sms", sent)
    assert asked.status_code == 422
    assert "1 of 2 lately active customers have none" in asked.content.decode()
    assert not Template.objects.exists()
    manager.post("/templates/new/?channel=sms", {**sent, "anyway": "yes"})
    assert Template.objects.get().live_version is not None


def test_a_draft_is_kept_and_not_sent(manager: Client) -> None:
    template = make_template("thanks", en="Thank you")
    url = template.get_absolute_url()
    sent = {"name": "Thanks", "en_body": "{{ customer.attributes.size }}", "draft": "yes"}
    manager.post(f"{url}edit/", sent)
    assert [(row.number, bool(row.published_at)) for row in template.versions.order_by("number")] == [
        (1, True), (2, False),
    ]  # fmt: skip
    assert "Version 2 is a draft" in manager.get(url).content.decode()


def test_line_has_templates_too(manager: Client) -> None:
    manager.post("/templates/new/?channel=line", sms_form())
    assert Template.objects.get().channel == "line"
