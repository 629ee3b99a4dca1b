from datetime import time
from typing import Any

import pytest
from django.test import Client

from crm.models import User
from messaging.models import FrequencyCap, MessagingSettings, QuietHours
from tests.crm.views.conftest import SignIn

pytestmark = pytest.mark.django_db


def caps() -> dict[str, int]:
    return dict(FrequencyCap.objects.values_list("per", "limit"))


def words_form(**changes: str) -> dict[str, str]:
    fields = {"stop_words": "stop\nหยุด", "stop_phrases": "no more texts", "start_words": "start", "help_words": "help"}
    answers = {f"{word}_{language}": "" for word in ("stop", "start", "help") for language in ("en", "th")}
    return {**fields, **answers, **changes}


# --- Limits ---------------------------------------------------------------------------------------


def test_the_limits_are_those_the_shop_started_with(manager: Client) -> None:
    form = manager.get("/settings/sending/").context["form"]
    assert form.initial == {"per_day": 2, "per_week": 5, "pause_on_complaint": True}


def test_a_manager_sets_the_limits(manager: Client) -> None:
    manager.post("/settings/sending/", {"per_day": "", "per_week": "3"})
    assert caps() == {"week": 3}
    assert not MessagingSettings.current().pause_on_complaint


@pytest.mark.parametrize(
    ("sent", "field", "fault"),
    [
        ({"per_day": "0"}, "per_day", "Ensure this value is greater than or equal to 1."),
        ({"per_day": "many"}, "per_day", "Enter a whole number."),
        ({"per_day": "4", "per_week": "3"}, "per_week", "Less than a day's messages makes no sense."),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(manager: Client, sent: dict[str, str], field: str, fault: str) -> None:
    answer = manager.post("/settings/sending/", sent)
    assert answer.status_code == 422
    assert answer.context["form"].errors == {field: [fault]}
    assert caps() == {"day": 2, "week": 5}


# --- Quiet hours ----------------------------------------------------------------------------------


def test_quiet_hours_are_added_changed_and_removed(manager: Client) -> None:
    fields = {"channel": "email", "country": "de", "starts": "21:00", "ends": "08:00", "marketing_only": "on"}
    manager.post("/settings/sending/quiet/new/", fields)
    row = QuietHours.objects.get(channel="email")
    assert (row.country, row.starts, row.ends, row.marketing_only) == ("DE", time(21), time(8), True)
    assert "21:00–08:00" in manager.get("/settings/sending/").content.decode()
    manager.post(f"/settings/sending/quiet/{row.pk}/", {**fields, "ends": "07:00", "marketing_only": ""})
    row.refresh_from_db()
    assert (row.ends, row.marketing_only) == (time(7), False)
    manager.post(f"/settings/sending/quiet/{row.pk}/remove/")
    assert not QuietHours.objects.filter(channel="email").exists()


@pytest.mark.parametrize(
    ("changes", "field", "fault"),
    [
        ({"country": "XX"}, "country", "There is no such country."),
        ({"ends": "21:00"}, "__all__", "From and until are the same."),
        ({"starts": "25:00"}, "starts", "Enter a valid time."),
        ({"channel": "pigeon"}, "channel", "Select a valid choice. pigeon is not one of the available choices."),
        ({"channel": "sms", "country": "TH"}, "__all__", "Quiet hours with this Channel and Country already exists."),
    ],
)
def test_quiet_hours_that_make_no_sense_are_refused(
    manager: Client, changes: dict[str, str], field: str, fault: str
) -> None:
    sent = {"channel": "email", "country": "DE", "starts": "21:00", "ends": "08:00", **changes}
    answer = manager.post("/settings/sending/quiet/new/", sent)
    assert answer.status_code == 422
    assert answer.context["form"].errors == {field: [fault]}
    assert QuietHours.objects.count() == 1


def test_quiet_hours_there_are_not_are_not_found(manager: Client) -> None:
    assert manager.get("/settings/sending/quiet/99/").status_code == 404
    assert manager.post("/settings/sending/quiet/99/remove/").status_code == 404


# --- Words ----------------------------------------------------------------------------------------


def test_a_manager_sets_the_words_and_their_answers(manager: Client) -> None:
    manager.post("/settings/sending/words/", words_form(stop_en="Bye from {{ shop.name }}", help_th="ถามได้เลย"))
    current = MessagingSettings.current()
    assert (current.stop_words, current.stop_phrases) == (["stop", "หยุด"], ["no more texts"])
    assert (current.start_words, current.help_words) == (["start"], ["help"])
    assert current.replies == {
        "stop": {"en": "Bye from {{ shop.name }}"}, "start": {}, "help": {"th": "ถามได้เลย"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "field", "fault"),
    [
        ({"stop_words": ""}, "stop_words", "This field is required."),
        ({"stop_words": " \n "}, "stop_words", "This field is required."),
        ({"start_words": "go\nStop!"}, "start_words", "“Stop!” has a meaning already."),
        ({"help_words": "start"}, "help_words", "“start” has a meaning already."),
        ({"stop_en": "{{ customer.secret }}"}, "stop_en", "unknown variable: customer.secret"),
        ({"stop_th": "{% include 'x' %}"}, "stop_th", "unexpected tag 'include'"),
    ],
)
def test_words_that_make_no_sense_are_refused(manager: Client, changes: dict[str, str], field: str, fault: str) -> None:
    before = MessagingSettings.current().stop_words
    answer = manager.post("/settings/sending/words/", words_form(**changes))
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert fault in answer.context["form"].errors[field][0]
    assert MessagingSettings.current().stop_words == before


@pytest.mark.parametrize("url", ["", "words/", "quiet/new/"])
@pytest.mark.parametrize("role", [User.Role.MARKETER, User.Role.SUPPORT, User.Role.VIEWER])
def test_only_leaders_set_the_rules(sign_in: SignIn, role: str, url: str) -> None:
    client = sign_in(role)
    assert client.get(f"/settings/sending/{url}").status_code == 403
    assert client.post(f"/settings/sending/{url}", {"per_day": "9"}).status_code == 403
    assert caps() == {"day": 2, "week": 5}


def test_the_page_costs_a_fixed_number_of_queries(manager: Client, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(12):
        manager.get("/settings/sending/")


# --- Links ----------------------------------------------------------------------------------------


def test_a_domain_for_short_links_is_kept_without_its_slash(manager: Client) -> None:
    fields = {"link_domain": "https://Go.Shop.Example/", "registered_domains": "Shop.Example\n\nshop.example\n"}
    manager.post("/settings/sending/links/", fields)
    current = MessagingSettings.current()
    assert (current.link_domain, current.registered_domains, current.shorten_email) == (
        "https://go.shop.example", ["shop.example"], False,
    )  # fmt: skip
    page = manager.get("/settings/sending/").content.decode()
    assert "https://go.shop.example" in page
    assert '<span class="tag">shop.example</span>' in page


@pytest.mark.parametrize(
    ("sent", "field", "fault"),
    [
        ({"link_domain": "go.shop.example"}, "link_domain", "Scheme and domain only, as in https://go.shop.example."),
        ({"link_domain": "https://go.shop.example/x"}, "link_domain", "Scheme and domain only"),
        ({"link_domain": "https://a@evil.example"}, "link_domain", "Scheme and domain only"),
        ({"registered_domains": "https://shop.example"}, "registered_domains", "is no domain such as shop.example."),
        (
            {"link_domain": "https://go.other.example", "registered_domains": "shop.example"},
            "link_domain",
            "This domain is not among those that are registered.",
        ),
    ],
)
def test_links_that_cannot_work_are_refused(manager: Client, sent: dict[str, str], field: str, fault: str) -> None:
    answer = manager.post("/settings/sending/links/", sent)
    assert answer.status_code == 422
    assert fault in answer.context["form"].errors[field][0]
    assert MessagingSettings.current().link_domain == ""


def test_a_domain_this_installation_does_not_answer_to_is_refused(manager: Client, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    answer = manager.post("/settings/sending/links/", {"link_domain": "https://go.shop.example"})
    assert "add it to ALLOWED_HOSTS first" in answer.context["form"].errors["link_domain"][0]
