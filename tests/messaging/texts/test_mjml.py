"""MJML made into HTML with its Liquid in it."""

import contextlib
import time

import pytest

from messaging.texts import liquid
from messaging.texts.liquid import MAX_SOURCE, InvalidTemplate
from messaging.texts.mjml import MAX_COMPILED, compile_mjml, text_of


def mail(text: str, *, around: str = "{}") -> str:
    section = f"<mj-section><mj-column>{text}</mj-column></mj-section>"
    return f"<mjml><mj-body>{around.format(section)}</mj-body></mjml>"


def test_it_becomes_html_with_the_liquid_as_it_was_written() -> None:
    html = compile_mjml(mail('<mj-text>Hi {{ customer.name | default: "a > b" }}</mj-text>'), language="th")
    assert html.startswith("<!doctype html>")
    assert 'Hi {{ customer.name | default: "a > b" }}' in html
    assert 'lang="th"' in html


def test_nothing_is_fetched_from_elsewhere() -> None:
    html = compile_mjml(mail('<mj-text font-family="Ubuntu">Hi</mj-text>'))
    assert "fonts.googleapis.com" not in html
    assert "@import" not in html


def test_blocks_may_be_shown_or_not() -> None:
    source = mail("<mj-text>Yours</mj-text>", around="{{% if event.a %}}\n{}{{% endif %}}")
    template = liquid.parse(compile_mjml(source), html=True, most=MAX_COMPILED)
    assert "Yours" in template.render({"event": {"a": True}})
    assert "Yours" not in template.render({"event": {}})


HOSTILE = "\"><script>alert(1)</script><mj-raw>{{ shop.name }}{% if %}'--><img src=x onerror=alert(1)>"


def test_a_value_brings_in_neither_html_nor_mjml_nor_liquid() -> None:
    source = mail(
        '<mj-text>{{ event.a }}</mj-text><mj-button href="https://shop.example/{{ event.a }}">{{ event.a }}</mj-button>'
        '<mj-image src="{{ event.a }}" alt="{{ event.a }}" />'
    )
    html = liquid.parse(compile_mjml(source), html=True, most=MAX_COMPILED).render({"event": {"a": HOSTILE}})
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "<mj-raw" not in html
    assert "-->" not in html.replace("<!--<![endif]-->", "").replace("<![endif]-->", "").replace(
        "<!--[if !mso]><!-->", ""
    )
    assert html.count("{{ shop.name }}") == 5  # as the text that it is


@pytest.mark.parametrize(
    ("source", "code", "line"),
    [
        ("hello", "syntax", 1),
        ("<mjml><mj-body></mjml>", "syntax", 1),
        ("<mjml>\n<mj-body>", "syntax", 2),
        (mail("\n<mj-text>a<b>c</mj-text>"), "syntax", 2),
        (mail("\n\n<mj-text color=red>c</mj-text>"), "syntax", 3),
        (mail("<mj-text foo>c</mj-text>"), "syntax", 1),
        (mail("\nloose words"), "syntax", 1),
        (mail("\n{{ shop.name }}"), "syntax", 1),
        (mail("\n<p>loose</p>"), "syntax", 2),
        (mail('\n<mj-include path="/etc/passwd" />'), "not_offered", 2),
        (mail("<mj-raw><script>1</script></mj-raw>"), "not_offered", 1),
        (mail("<mj-text>\n<script>1</script></mj-text>"), "not_offered", 2),
        (mail('<mj-text><a onclick="1">x</a></mj-text>'), "not_offered", 1),
        (mail('<mj-button href=" JavaScript:1">x</mj-button>'), "not_offered", 1),
        (mail('<mj-text color="{{ event.a }}">x</mj-text>'), "not_offered", 1),
        (mail("<mj-html>x</mj-html>"), "not_offered", 1),
        ("<mjml><mj-head>\n<mj-font href='https://x' /></mj-head></mjml>", "not_offered", 2),
        ("<mjml><mj-head><mj-style>{{ event.a }}</mj-style></mj-head></mjml>", "not_offered", 1),
        ("<mjml><!-- x --></mjml>", "not_offered", 1),
        ("<mjml><![CDATA[x]]></mjml>", "not_offered", 1),
        (mail("<mj-text>{{ a </mj-text>"), "syntax", 1),
        (mail("<mj-text>zq0qz</mj-text>"), "not_offered", 0),
    ],
)
def test_what_is_not_offered_says_what_and_on_which_line(source: str, code: str, line: int) -> None:
    with pytest.raises(InvalidTemplate) as refused:
        compile_mjml(source)
    assert (refused.value.code, refused.value.line) == (code, line)


@pytest.mark.parametrize(
    "source",
    [
        mail("<mj-text>x</mj-text>" * 800),
        "<mjml><mj-body>" + "<mj-section>" * 1400,
        mail("<mj-text>" + "<b>" * 4000),
        mail("<mj-text>" + "<" * 19_000),
        mail("<mj-text>" + "&#1;" * 4_500 + "</mj-text>"),
        mail("<mj-text " + 'a="b" ' * 3_000 + ">x</mj-text>"),
        mail("<mj-text " + "a=" * 9_000),
        "<mjml><mj-head><mj-attributes><mj-all a='" + "x" * 9000 + "' /></mj-attributes></mj-head><mj-body>"
        + "<mj-section />" * 700 + "</mj-body></mjml>",
        "<mjml>" + "{{" * 9_000,
        "x" * (MAX_SOURCE + 1),
    ],
)  # fmt: skip
def test_a_hostile_mail_ends_within_a_second(source: str) -> None:
    before = time.thread_time()
    with contextlib.suppress(InvalidTemplate):
        assert len(compile_mjml(source)) <= MAX_COMPILED
    assert time.thread_time() - before < 1


def test_the_text_part_says_what_the_mail_says() -> None:
    source = mail(
        "<mj-text><h1>Hello {{ customer.first_name }}</h1><p>Two<br/>lines &amp; more</p><ul><li>one</li></ul>"
        '</mj-text><mj-button href="https://shop.example/{{ event.id }}">Look</mj-button>',
    ).replace("<mj-body>", "<mj-head><mj-title>T</mj-title><mj-preview>P</mj-preview></mj-head><mj-body>")
    assert text_of(compile_mjml(source)) == (
        "Hello {{ customer.first_name }}\n\nTwo\nlines & more\n\n- one\n\n\nLook: https://shop.example/{{ event.id }}"
    ).replace("\n\n\n", "\n\n")
