import time

import pytest

from messaging.inbound.markup import to_text


def test_blocks_become_lines_and_links_keep_their_address() -> None:
    html = (
        "<html><head><title>x</title><style>p{color:red}</style></head><body><p>Dear&nbsp;shop,</p>"
        "<p>it <b>leaks</b>.<br>See <a href='https://example.com/photo'>the photo</a></p>"
        "<ul><li>one</li><li>two</li></ul></body></html>"
    )
    assert to_text(html) == ("Dear shop,\n\nit leaks.\nSee the photo (https://example.com/photo)\n\n- one\n- two")


def test_a_quote_is_marked_as_one() -> None:
    html = "<div>Yes.</div><div>On 21 Nov 2026 Baan wrote:<br></div><blockquote>Is it red?<br>Or blue?</blockquote>"
    assert to_text(html) == "Yes.\nOn 21 Nov 2026 Baan wrote:\n\n> Is it red?\n> Or blue?"


@pytest.mark.parametrize(
    "html",
    [
        "Hi<script>alert(1)</script>",
        "Hi<img src=x onerror=alert(1)>",
        "Hi<svg onload=alert(1)></svg>",
        "Hi<!-- <p>hidden</p> -->",
        "<p onclick='x()'>Hi</p>",
        "Hi<iframe src=//evil.example></iframe>",
        "Hi<style>@import 'x'</style>",
    ],
)
def test_what_could_run_or_hide_is_left_out(html: str) -> None:
    assert to_text(html) == "Hi"


def test_a_script_behind_a_link_is_only_its_words() -> None:
    assert to_text("<a href='javascript:alert(1)'>Click</a>") == "Click"


def test_an_address_that_is_the_link_itself_is_said_once() -> None:
    assert to_text("<a href='mailto:ploy@example.com'>ploy@example.com</a>") == "ploy@example.com"


@pytest.mark.parametrize("html", ["", "<<<>>>", "<p", "<blockquote>" * 5000, "</blockquote></p></a>"])
def test_bad_html_is_no_error(html: str) -> None:
    assert isinstance(to_text(html), str)


def test_quotes_without_end_do_not_grow_the_text() -> None:
    text = to_text("<blockquote>x" * 2000)
    assert max(map(len, text.splitlines())) < 20


@pytest.mark.parametrize(
    "html", ["<div>", "<blockquote>x", "<table><tr><td>", "<a href=x>", "<b><p>", "<", "<!--", "&amp;"]
)
def test_a_hostile_letter_takes_no_longer_than_a_moment(html: str) -> None:
    started = time.process_time()
    to_text(html * (1_000_000 // len(html)))
    assert time.process_time() - started < 10
