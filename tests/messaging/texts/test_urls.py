"""Links in texts, and whose they are."""

import pytest

from messaging.texts.urls import host_of, is_domain, is_on, strangers


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Shop.Example/a?b=c", "shop.example"),
        ("http://shop.example:8080", "shop.example"),
        ("https://shop.example@evil.example/", "evil.example"),  # what stands before @ is a user's name
        ("https://evil.example\\@shop.example/", "evil.example"),  # browsers read a backslash as a slash
        ("https://evil.example?shop.example", "evil.example"),
        ("https://evil.example#shop.example", "evil.example"),
        ("www.shop.example/x", "www.shop.example"),
        ("https://shop.example.", "shop.example"),
    ],
)
def test_the_host_is_where_a_browser_would_go(url: str, host: str) -> None:
    assert host_of(url) == host


def test_a_domain_covers_what_is_below_it_and_not_what_only_ends_like_it() -> None:
    assert is_on("go.shop.example", {"shop.example"})
    assert is_on("shop.example", {"shop.example"})
    assert not is_on("myshop.example", {"shop.example"})
    assert not is_on("shop.example.evil.example", {"shop.example"})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Look: https://shop.example/a", []),
        ("Look: https://evil.example/a now", [("https://evil.example/a", 1)]),
        ("Hi\nlook: bit.ly/abc", [("bit.ly/abc", 2)]),
        ("www.evil.example", [("www.evil.example", 1)]),
        ("https://shop.example/{{ event.order_id }}?x={{ event.y }}", []),
        ("https://{{ event.host }}/a", [("https://{{…}}/a", 1)]),
        ("https://{{ event.host }}.shop.example/a", [("https://{{…}}.shop.example/a", 1)]),
        ("{% if event.a\n%}x{% endif %}https://evil.example", [("https://evil.example", 2)]),
        ("{{ event.url }}", []),
        ("write to a@evil.example/b or call 02/1234", []),
        ("1.5/2 and 3.14", []),
    ],
)
def test_links_elsewhere_are_found_with_their_line(text: str, found: list[tuple[str, int]]) -> None:
    assert list(strangers(text, {"shop.example"}))[: len(found) or 1] == found


@pytest.mark.parametrize("text", ["shop.example", "go.shop.co.th", "a-b.example", "xn--12c1fe0br.xn--o3cw4h"])
def test_what_is_a_domain(text: str) -> None:
    assert is_domain(text)


@pytest.mark.parametrize(
    "text", ["", "shop", "https://shop.example", "shop.example/", "Shop.example", "-a.example", "a..b"]
)
def test_what_is_none(text: str) -> None:
    assert not is_domain(text)
