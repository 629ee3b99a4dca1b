"""What people do all day, done as they do it: with the mouse, with the keyboard, on a phone, without scripts."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from crm.models import Customer, Note, Purchase, Review, Task, Ticket, User
from tests.browser.conftest import PHONE, Open
from tests.factories.crm import CustomerFactory, PurchaseFactory, ReviewFactory, TicketFactory, UserFactory, later

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, serialized_rollback=True)]


def test_somebody_signs_in_and_out(open_as: Open) -> None:
    user = UserFactory(username="mali", first_name="Mali", role=User.Role.MANAGER)
    user.set_password("seven-blue-kettles")
    user.save()
    page = open_as()
    page.goto("/customers/")
    page.get_by_label("Username or email").fill("mali")
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".errorlist")).to_be_visible()
    page.get_by_label("Password", exact=True).fill("seven-blue-kettles")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Customers")).to_be_visible()  # where they wanted to go
    page.get_by_label("Your account").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_note_is_written_without_leaving_the_page(manager: Page) -> None:
    customer = CustomerFactory(name="Ploy")
    manager.goto(customer.get_absolute_url())
    manager.locator("textarea[name=note-body]").fill("Prefers mornings.")
    manager.get_by_role("button", name="Keep the note").click()
    expect(manager.locator("#timeline")).to_contain_text("Prefers mornings.")
    expect(manager.locator(".toast")).to_contain_text("The note is kept.")
    expect(manager.locator("textarea[name=note-body]")).to_have_value("")
    assert Note.objects.get().body == "Prefers mornings."


def test_a_field_is_edited_where_it_stands_and_a_fault_stays_there(manager: Page) -> None:
    customer = CustomerFactory(name="Ploy", phone="+66812345678")
    manager.goto(customer.get_absolute_url())
    manager.get_by_label("Edit: Phone").click()
    field = manager.locator("#field-phone input[name=phone]")
    field.fill("call me")
    field.press("Enter")
    expect(manager.locator("#field-phone .errorlist")).to_be_visible()
    field.fill("081 999 8888")
    manager.locator("#field-phone").get_by_role("button", name="Save").click()
    expect(manager.locator("#field-phone")).to_contain_text("+66 81 999 8888")
    assert str(Customer.objects.get().phone) == "+66819998888"


def test_whose_an_address_is_can_be_followed_from_where_it_was_typed(manager: Page) -> None:
    CustomerFactory(name="Ploy", phone="+66812345678")
    manager.goto(CustomerFactory(name="Nok").get_absolute_url())
    manager.get_by_label("Edit: Phone").click()
    field = manager.locator("#field-phone input[name=phone]")
    field.fill("081 234 5678")
    field.press("Enter")
    manager.locator("#field-phone .errorlist").get_by_role("link", name="Ploy").click()
    expect(manager.get_by_role("heading", name="Ploy", level=1)).to_be_visible()


def test_a_sale_over_the_counter_is_written_down(manager: Page) -> None:
    customer = CustomerFactory(name="Ploy")
    manager.goto(customer.get_absolute_url())
    manager.get_by_role("link", name="New order").click()
    manager.get_by_label("Product").first.fill("Kettle")
    manager.get_by_label("Quantity").first.fill("2")
    manager.get_by_label("Each").first.fill("250.50")
    manager.get_by_label("How far has it come?").select_option("paid and taken along")
    manager.get_by_role("button", name="Record the order").click()
    expect(manager.locator("#record")).to_contain_text("501.00 THB")
    expect(manager.locator(".toast")).to_contain_text("is on record")
    assert Purchase.objects.get().status == "delivered"


def test_typing_in_the_search_narrows_the_rows_and_the_address_says_so(manager: Page) -> None:
    CustomerFactory(name="พลอย ใจดี")
    CustomerFactory(name="Somebody Else")
    manager.goto("/customers/")
    manager.get_by_role("searchbox", name="Name, phone, email, LINE").press_sequentially("ใจดี", delay=20)
    expect(manager.locator("tbody tr")).to_have_count(1)
    manager.wait_for_url("**/customers/?q=*")
    manager.get_by_role("link", name="take off").click()
    expect(manager.locator("tbody tr")).to_have_count(2)
    manager.go_back()
    expect(manager.locator("tbody tr")).to_have_count(1)


def test_today_empties_as_things_are_done(manager: Page) -> None:
    Task.objects.create(title="Call back")
    PurchaseFactory(reference="WEB-1", promised_at=later(days=1))
    ReviewFactory(title="Fine")
    manager.goto("/")
    for button in ("Done", "Delivered", "Publish"):
        manager.get_by_role("button", name=button, exact=True).click()
        expect(manager.get_by_role("button", name=button, exact=True)).to_have_count(0)
    assert not Task.objects.open().exists()
    assert Purchase.objects.get().status == "delivered"
    assert Review.objects.get().status == "published"


def test_reply_and_note_are_never_taken_for_each_other(open_as: Open) -> None:
    page = open_as(User.Role.SUPPORT, first_name="Nok")
    ticket = TicketFactory(subject="Which size?")
    page.goto(ticket.get_absolute_url())
    page.keyboard.press("n")
    page.locator("textarea[name=note-body]").fill("Ask the workshop.")
    page.get_by_role("button", name="Keep the note").click()
    expect(page.locator(".turn-note")).to_contain_text("Ask the workshop.")
    page.keyboard.press("r")
    page.locator("textarea[name=staff-body]").fill("Size 39.")
    page.get_by_role("button", name="Reply", exact=True).click()
    expect(page.locator(".turn-staff")).to_contain_text("Size 39.")
    colours = [
        page.locator(kind).evaluate("turn => getComputedStyle(turn).backgroundColor")
        for kind in (".turn-note", ".turn-staff")
    ]
    assert colours[0] != colours[1]
    page.get_by_label("Priority").select_option("urgent")
    expect(page.locator(".toast").last).to_contain_text("Priority: urgent.")
    assert Ticket.objects.get().priority == "urgent"


def test_the_keyboard_goes_everywhere_but_not_while_typing(manager: Page) -> None:
    CustomerFactory(name="Ploy")
    CustomerFactory(name="Nok")
    manager.goto("/")
    manager.keyboard.press("g")
    manager.keyboard.press("c")
    manager.wait_for_url("**/customers/")
    manager.keyboard.press("j")
    manager.keyboard.press("j")
    expect(manager.locator("tbody tr").nth(1)).to_have_class("on-row")
    manager.keyboard.press("Enter")
    manager.wait_for_url("**/customers/*-*/")
    manager.keyboard.press("/")
    manager.keyboard.type("g c?")
    expect(manager.locator("#find")).to_have_value("g c?")
    manager.locator("#find").blur()
    manager.keyboard.press("?")
    expect(manager.get_by_role("dialog")).to_contain_text("Customers")
    manager.keyboard.press("Escape")
    expect(manager.get_by_role("dialog")).to_have_count(0)


def test_shortcuts_can_be_switched_off(open_as: Open) -> None:
    page = open_as(User.Role.MANAGER, shortcuts=False)
    page.goto("/")
    page.keyboard.press("g")
    page.keyboard.press("c")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.url.endswith("/")


def test_theme_and_language_are_switched_from_the_menu(manager: Page) -> None:
    manager.goto("/customers/")
    manager.get_by_label("Your account").click()
    manager.get_by_role("button", name="Dark").click()
    expect(manager.locator("html")).to_have_attribute("data-theme", "dark")
    assert manager.evaluate("getComputedStyle(document.body).colorScheme") == "dark"
    manager.locator(".who summary").click()
    manager.get_by_role("button", name="ภาษาไทย").click()
    expect(manager.locator("html")).to_have_attribute("lang", "th")
    assert manager.url.endswith("/customers/")


def test_a_phone_has_the_bar_below_and_cards_for_rows(open_as: Open) -> None:
    CustomerFactory(name="Ploy")
    page = open_as(User.Role.MANAGER, size=PHONE)
    page.goto("/customers/")
    expect(page.locator(".bottom")).to_be_visible()
    expect(page.locator("thead")).not_to_be_in_viewport()
    page.locator(".bottom summary").tap()
    page.locator(".bottom .menu").get_by_role("link", name="Reviews").tap()
    page.wait_for_url("**/reviews/")
    small = page.evaluate(
        "[...document.querySelectorAll('.bottom a, .button, select')].filter(e => e.checkVisibility()"
        " && e.getBoundingClientRect().height < 44).map(e => e.outerHTML)"
    )
    assert small == []


def test_what_was_typed_survives_a_lost_session(manager: Page) -> None:
    customer = CustomerFactory(name="Ploy")
    manager.goto(customer.get_absolute_url())
    manager.locator("textarea[name=note-body]").fill("A long story.")
    manager.context.clear_cookies(name="sessionid")
    manager.get_by_role("button", name="Keep the note").click()
    manager.wait_for_url("**/accounts/login/**")
    user = User.objects.get()
    user.set_password("seven-blue-kettles")
    user.save()
    manager.get_by_label("Username or email").fill(user.username)
    manager.get_by_label("Password", exact=True).fill("seven-blue-kettles")
    manager.get_by_role("button", name="Sign in").click()
    manager.goto(customer.get_absolute_url())
    expect(manager.locator("textarea[name=note-body]")).to_have_value("A long story.")


def test_everything_works_without_scripts(browser: Browser, live_server: Any, open_as: Open) -> None:
    customer = CustomerFactory(name="Ploy")
    signed_in = open_as(User.Role.MANAGER).context
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    context.add_cookies(signed_in.cookies())
    page = context.new_page()
    page.goto("/customers/?q=ploy")
    page.get_by_role("link", name="Ploy", exact=True).click()
    page.locator("textarea[name=note-body]").fill("By hand.")
    page.get_by_role("button", name="Keep the note").click()
    expect(page.locator("#timeline")).to_contain_text("By hand.")
    page.get_by_text("Task", exact=True).click()
    page.get_by_label("What is to be done?").fill("Call back")
    page.get_by_role("button", name="Set the task").click()
    expect(page.locator("#record")).to_contain_text("Call back")
    page.get_by_role("link", name="Orders", exact=True).click()
    expect(page.locator("#timeline")).to_contain_text("Nothing of this kind has happened yet.")
    assert (customer.notes.count(), customer.tasks.count()) == (1, 1)
    context.close()
