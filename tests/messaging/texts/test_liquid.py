"""What templates can do, what they cannot, and how the hostile ones end."""

import time
from typing import Any

import pytest

from messaging.texts.liquid import MAX_LOOPS, MAX_OUTPUT, InvalidTemplate, RenderFailed, parse

CUSTOMER = {"name": "Somchai Jaidee", "first_name": "Somchai", "email": "", "phone": "", "language": "th"}
ORDER = {
    "order_id": "A-17",
    "total": "1112.8",
    "currency": "THB",
    "promised_at": "2026-03-04T18:30:00+00:00",
    "products": [{"name": "Tea <green>", "quantity": 2}, {"name": "Cup", "quantity": 1}],
}
CONTEXT: dict[str, Any] = {"customer": CUSTOMER, "order": ORDER, "time_zone": "Asia/Bangkok"}


def render(source: str, *, html: bool = False, language: str = "en") -> str:
    return parse(source, html=html).render(CONTEXT, language=language)


class TestRendering:
    def test_variables_loops_and_conditions_fill_in(self) -> None:
        source = (
            "Hi {{ customer.first_name }}, "
            "{% for item in order.products %}{{ item.quantity }} × {{ item.name }}"
            "{% unless forloop.last %}, {% endunless %}{% endfor %}"
            "{% if order.total %}: {{ order.total | money: order.currency }}{% endif %}"
        )
        assert render(source) == "Hi Somchai, 2 × Tea <green>, 1 × Cup: 1,112.80 THB"

    def test_in_html_what_variables_bring_is_escaped_and_what_the_author_wrote_is_not(self) -> None:
        assert render("<b>{{ order.products.first.name }}</b>", html=True) == "<b>Tea &lt;green&gt;</b>"

    def test_dates_are_told_in_the_readers_zone_and_language(self) -> None:
        source = '{{ order.promised_at | date: "%A %-d %B %H:%M" }}'
        assert render(source) == "Thursday 5 March 01:30"
        assert render(source, language="th") == "พฤหัสบดี 5 มีนาคม 01:30"

    def test_what_is_no_date_or_amount_stays_as_it_is(self) -> None:
        assert (
            render("{{ customer.name | date }} {{ customer.name | money: 'THB' }}") == "Somchai Jaidee Somchai Jaidee"
        )
        assert render("{{ 'now' | date: '%s %999d' }}") == "now"

    def test_an_unknown_directive_is_printed_not_obeyed(self) -> None:
        assert render("{{ order.promised_at | date: '%s %999999999d %d' }}") == "%s %999999999d 05"

    @pytest.mark.parametrize(
        ("pattern", "expected"),
        [
            ("%d/%m/%y", "05/03/26"),
            ("%e.%-m.%Y", "5.3.2026"),
            ("%b %a", "Mar Thu"),
            ("%I:%M %p 100%%", "01:30 AM 100%"),
        ],
    )
    def test_the_directives_people_use(self, pattern: str, expected: str) -> None:
        assert render(f"{{{{ order.promised_at | date: '{pattern}' }}}}") == expected

    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("{{ customer.first_name | append: '!' | prepend: 'Khun ' }}", "Khun Somchai!"),
            ("{{ order.order_id | replace: '-', '/' | remove: 'A' }}", "/17"),
            ("{{ 'a-b-c' | replace_first: '-', '' | remove_first: '-' }}", "abc"),
            ("{{ customer.name | split: ' ' | last }}", "Jaidee"),
            ("{% assign parts = 'tea,cup' | split: ',' %}{{ parts | join: ' and ' }}", "tea and cup"),
            ("{{ customer.first_name | slice: 0 }}{{ customer.first_name | slice: -3, 99999999999999999999 }}", "Shai"),
            ("{{ '<p>Tea\n</p>' | strip_html | strip_newlines }}", "Tea"),
        ],
    )
    def test_texts_are_put_together_and_taken_apart(self, source: str, expected: str) -> None:
        assert render(source) == expected

    @pytest.mark.parametrize(
        "change", ["append: order.x", "prepend: order.x", "replace: 'a', order.x", "replace_first: 'a', order.x"]
    )
    def test_whatever_becomes_of_it_in_html_what_a_variable_brings_is_escaped(self, change: str) -> None:
        order = {**ORDER, "x": "<script>", "all": ["<i>", "<u>"]}
        said = parse(f"{{{{ 'a' | {change} }}}} {{{{ order.all | join: '<br>' }}}}", html=True).render(
            {**CONTEXT, "order": order}, language="en"
        )
        assert "<script>" not in said
        assert "&lt;script&gt;" in said
        assert "<i>" not in said
        assert "<u>" not in said

    def test_what_is_missing_is_an_error_rather_than_a_hole_in_the_text(self) -> None:
        with pytest.raises(RenderFailed, match="missing variable: 'coupon' is undefined"):
            render("Your code: {{ coupon.code }}")

    def test_what_may_be_missing_gives_way_to_a_default_or_a_test(self) -> None:
        assert render("{{ coupon.code | default: 'WELCOME' }}{% if coupon.code %} yours{% endif %}") == "WELCOME"

    def test_a_name_under_fixed_data_reaches_no_attribute(self) -> None:
        with pytest.raises(RenderFailed, match="missing variable"):
            render("{{ order.__class__ }}")

    def test_it_is_parsed_once(self) -> None:
        assert parse("Hello {{ customer.name }}") is parse("Hello {{ customer.name }}")

    def test_the_report_of_missing_variables(self) -> None:
        template = parse(
            "{{ customer.name }} {{ coupon.code }} {{ order.products.first.sku }} {{ order.products.size }}"
        )
        assert template.missing(CONTEXT) == ["coupon.code", "order.products.first.sku"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("source", "code", "line"),
        [
            ("{{ customer.api_key }}", "unknown_variable", 1),
            ("{{ customer['api_key'] }}", "unknown_variable", 1),
            ("{{ customer.__class__ }}", "unknown_variable", 1),
            ("{{ customer[order.field] }}", "unknown_variable", 1),
            ("{{ customer }}", "unknown_variable", 1),
            ("{{ now }}", "unknown_variable", 1),
            ("{{ settings.SECRET_KEY }}", "unknown_variable", 1),
            ("one\ntwo {{ customer.nam }}", "unknown_variable", 2),
            ("{% include 'other' %}", "unknown_tag", 1),
            ("{% render 'other' %}", "unknown_tag", 1),
            ("{% load static %}", "unknown_tag", 1),
            ("{% capture x %}{% endcapture %}", "unknown_tag", 1),
            ("{% cycle 'a', 'b' %}", "unknown_tag", 1),
            ("{% tablerow x in order.products %}{% endtablerow %}", "unknown_tag", 1),
            ("\n{% raw %}{{ x }}{% endraw %}", "unknown_tag", 2),
            ("{{ order.x | ljust: '200000000' }}", "unknown_filter", 1),
            ("{{ order.products | map: 'name' }}", "unknown_filter", 1),
            ("one\n{{ customer.name | append: }}", "syntax", 2),
            ("{{ order.total | plus }}", "syntax", 1),
            ("{{ customer.name | upcase: 'x' }}", "syntax", 1),
            ("{{ customer.name | default: 'x', often: true }}", "syntax", 1),
            ("{% for i in (1..1000000000) %}x{% endfor %}", "not_offered", 0),
            ("{% if (1..999999999) contains 'x' %}{% endif %}", "not_offered", 0),
            ("{{ order.a" + " | escape" * 11 + " }}", "not_offered", 0),
            ("{{ customer.name", "syntax", 1),
            ("{% if customer.name %}", "syntax", 0),
            ("{% if order.a %}" * 21 + "{% endif %}" * 21, "syntax", 1),
            ("{{ " + "9" * 5000 + " }}", "too_large", 1),
            ("x" * 20_001, "too_large", 0),
        ],
    )
    def test_what_is_not_on_the_lists_is_refused_when_it_is_saved(self, source: str, code: str, line: int) -> None:
        with pytest.raises(InvalidTemplate) as refused:
            parse(source)
        assert (refused.value.code, refused.value.line) == (code, line)

    def test_python_and_django_syntax_is_only_text(self) -> None:
        assert render("{c.__class__} %s ${customer} {# note #}") == "{c.__class__} %s ${customer} {# note #}"


class TestHostile:
    """Each ends with a clear error, within a second of this thread's time."""

    @pytest.fixture(autouse=True)
    def within_a_second(self) -> Any:
        started = time.thread_time()
        yield
        assert time.thread_time() - started < 1

    @pytest.mark.parametrize(
        "source",
        [
            "{{" * 10_000,
            "{%" * 10_000,
            "{{ '" * 5_000,
            "{{ order.a " + "| " * 9_000,
            "{{ " + " " * 15_000,
            "{% comment %}" * 1_500,
            "{{ order" + "[order" * 150 + "]" * 150 + " }}",
            "{% if " + " and ".join(["order.a"] * 80) + " %}" * 200,
        ],
    )
    def test_a_source_made_to_choke_the_parser(self, source: str) -> None:
        with pytest.raises(InvalidTemplate):
            parse(source)

    def test_loops_within_loops(self) -> None:
        source = "{% for a in order.rows %}" * 19 + "x" + "{% endfor %}" * 19
        with pytest.raises(RenderFailed, match=f"more than {MAX_LOOPS} turns of loops"):
            parse(source).render({"order": {"rows": [1] * 50}})

    def test_loops_after_loops(self) -> None:
        with pytest.raises(RenderFailed, match=f"more than {MAX_LOOPS} turns of loops"):
            parse("{% for a in order.rows %}{% endfor %}" * 300).render({"order": {"rows": [1] * 50}})

    def test_much_work_on_every_turn(self) -> None:
        source = "{% for a in order.rows %}" + "{% assign z = a | times: 3 %}" * 600 + "{% endfor %}"
        with pytest.raises(RenderFailed, match="takes too long"):
            parse(source).render({"order": {"rows": [1] * 1_900}})

    def test_giant_output(self) -> None:
        with pytest.raises(RenderFailed, match="output stream limit"):
            parse("{% for a in order.rows %}{{ a }}{% endfor %}").render({"order": {"rows": ["y" * MAX_OUTPUT] * 3}})

    def test_numbers_that_square_themselves(self) -> None:
        source = "{% assign x = 99 %}{% for a in order.rows %}{% assign x = x | times: x %}{% endfor %}{{ x }}"
        with pytest.raises(RenderFailed, match="the number grows too large"):
            parse(source).render({"order": {"rows": [1] * 50}})

    @pytest.mark.parametrize(
        "growing", ["append: s", "prepend: s", "replace: 'x', s", "replace: '', s", "split: '' | join: s"]
    )
    def test_texts_that_double_themselves(self, growing: str) -> None:
        step = f"{{% assign s = s | {growing} %}}"
        source = "{% assign s = 'xxxxxxxxxx' %}" + step * 40 + "{{ s | size }}"
        with pytest.raises(RenderFailed, match="the text grows too long"):
            render(source)

    def test_a_division_by_zero_is_an_error_of_the_template(self) -> None:
        with pytest.raises(RenderFailed, match="divide by 0"):
            parse("{{ 1 | divided_by: 0 }}").render({})


def test_a_customer_without_a_size_has_none_rather_than_a_number_of_attributes() -> None:
    template = parse("{{ customer.attributes.size }}")
    assert template.render({"customer": {"attributes": {"size": "M"}}}) == "M"
    with pytest.raises(RenderFailed, match=r"customer\.attributes\.size is undefined"):
        template.render({"customer": {"attributes": {"colour": "red"}}})
    assert parse("{{ event.products.size }}").render({"event": {"products": [1, 2]}}) == "2"
