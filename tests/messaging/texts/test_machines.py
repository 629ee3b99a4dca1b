"""Machines that follow links, told apart from people by what they show."""

from collections.abc import Mapping

import pytest

from messaging.texts.machines import given_away_by

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)
PIXEL = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile "
    "Safari/537.36"
)


@pytest.mark.parametrize(
    "program",
    [
        IPHONE,
        PIXEL,
        f"{IPHONE} Line/14.9.0",
        f"{PIXEL} Line/14.9.0/IAB",
        f"{PIXEL} [FB_IAB/FB4A;FBAV/470.0.0.0.0;]",
        f"{PIXEL} Telegram-Android/11.3.3 (Google Pixel 8; Android 14; SDK 34; HIGH)",
        "Mozilla/5.0 (Linux; Android 11; CUBOT X30) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120 Mobile",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 GSA/320.0 Mobile/15E148",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Edg/126.0",
    ],
)
def test_browsers_of_people_count(program: str) -> None:
    assert given_away_by("GET", {"User-Agent": program}) == ""


@pytest.mark.parametrize(
    ("program", "sign"),
    [
        ("facebookexternalhit/1.1;line-poker/1.0", "facebookexternalhit"),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "bot"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot"),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "bot"),
        ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) BingPreview/1.0b", "preview"),
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/126.0.0.0 Safari/537.36", "headless"),
        ("WhatsApp/2.24.9.78 A", "whatsapp/"),
        ("TelegramBot (like TwitterBot)", "bot"),
        ("Mozilla/5.0 (Windows NT 10.0) Mimecast URL Scanner", "mimecast"),
        ("python-requests/2.32", "python"),
        ("curl/8.5.0", "curl"),
        ("", "no user agent"),
    ],
)
def test_scanners_and_previewers_do_not(program: str, sign: str) -> None:
    assert given_away_by("GET", {"User-Agent": program}) == sign


@pytest.mark.parametrize(
    ("headers", "sign"),
    [
        ({"Sec-Purpose": "prefetch;prerender"}, "Sec-Purpose"),
        ({"Purpose": "prefetch"}, "Purpose"),
        ({"X-Purpose": "preview"}, "X-Purpose"),
        ({"X-Moz": "prefetch"}, "X-Moz"),
    ],
)
def test_prefetch_says_so(headers: Mapping[str, str], sign: str) -> None:
    assert given_away_by("GET", {"User-Agent": PIXEL, **headers}) == sign


def test_who_asks_only_for_headers_reads_nothing() -> None:
    assert given_away_by("HEAD", {"User-Agent": PIXEL}) == "HEAD"
