"""
Who follows links without being a person: scanners, previewers, prefetch.

Only what gives itself away counts as a machine: a wrong guess would take a customer's click away, and say of nobody
that they are interested. Request headers that programs may leave out (Accept-Language and the like) are no proof.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# Headers with which a browser fetches what its user may never look at.
_AHEAD = {
    "Sec-Purpose": ("prefetch", "prerender", "preview"),
    "Purpose": ("prefetch", "prerender", "preview"),
    "X-Purpose": ("preview", "instant"),
    "X-Moz": ("prefetch",),
}
# CUBOT makes phones.
_PROGRAMS = re.compile(
    r"""
    (?<!cu)bot\b | crawl | spider | slurp | scanner | preview | prefetch | monitor
    | facebookexternalhit | facebookcatalog | line-poker | whatsapp/ | slack-?imgproxy | skypeuri | vkshare
    | google-[a-z]+ | googleother | googleimageproxy | google\ web\ preview | apis-google | mediapartners
    | yandex(?:images|webmaster) | pinterest/0 | embedly | outbrain | bitlybot | redditbot
    | headless | phantomjs | puppeteer | playwright | selenium | lighthouse | pagespeed
    | barracuda | mimecast | proofpoint | safelinks | symantec | zscaler | fireeye | urlscan
    | trend\ ?micro | virustotal
    | ^curl | ^wget | python | aiohttp | httpx | go-http-client | ^java/ | libwww | ^axios | node-fetch | ^node
    | ^undici | scrapy | ^ruby | ^php | guzzle | okhttp | apache-httpclient | ^dalvik | ^microsoft\ office | ^ms-office
    """,
    re.IGNORECASE | re.VERBOSE,
)


def given_away_by(method: str, headers: Mapping[str, str]) -> str:
    """
    By what a request for a link shows that no person made it, at most 40 characters; "" for a person's.

    Args:
        headers: with names in any case, as Django's `request.headers`.
    """
    if method != "GET":
        return method
    for name, signs in _AHEAD.items():
        if any(sign in headers.get(name, "").lower() for sign in signs):
            return name
    program = headers.get("User-Agent", "")
    return machine_in(program) if program.strip() else "no user agent"


def machine_in(user_agent: str) -> str:
    """What a program's name says of itself, at most 40 characters; "" for a person's."""
    found = _PROGRAMS.search(user_agent)
    return found[0].strip().lower()[:40] if found else ""
