"""What replies on tickets may bring along: by the way they go, and by what its provider takes."""

from __future__ import annotations

from collections.abc import Iterator

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from crm.models import Channel
from crm.reply_ways import Outgoing, ReplyWay, add_reply_way
from messaging.channels.enclosures import letter_size
from messaging.models.channel import SANDBOX
from messaging.outbox.enclosing import samples, with_addresses
from messaging.rendering.file_links import is_public
from messaging.rendering.letters import MAX_SEGMENTS, as_html
from messaging.rendering.shortening import LinkRules, as_sent
from messaging.selectors.carriers import carrier_of
from messaging.texts import sms

LONGEST_BESIDE_PICTURES = 5_000  # UTF-16 code units: one text of LINE's


def why_no_files(channel: str) -> str:
    """Why replies on `channel` cannot bring files: nobody takes them, or nobody outside could fetch them from us."""
    if channel not in Channel.values:
        return ""  # nobody sends such a reply: its files stay on the ticket
    carrier = carrier_of(channel)
    if carrier is None:
        said = _("Files cannot be sent by %(channel)s: the channel is not set up.")
        return said % {"channel": Channel(channel).label}
    if channel == Channel.EMAIL or carrier.name == SANDBOX or is_public():
        return ""
    return _(
        "Files cannot be sent by %(channel)s: they go as links to this shop's address, and the one set (SITE_URL) "
        "is not a public https address."
    ) % {"channel": Channel(channel).label}


def faults(reply: Outgoing) -> list[str]:
    """What keeps a reply from leaving with its files."""
    return list(_faults(reply))


def _faults(reply: Outgoing) -> Iterator[str]:
    files = samples(reply.channel, reply.files)
    body = with_addresses(reply.channel, reply.body, files)
    if reply.channel == Channel.EMAIL:
        size = letter_size([file.size for file in files], body, as_html(body, ""))
        most = carrier.largest if (carrier := carrier_of(reply.channel)) else 0
        if size > most:
            yield _("As an email this has %(size)s, and at most %(most)s are taken. Please attach less.") % {
                "size": filesizeformat(size), "most": filesizeformat(most),
            }  # fmt: skip
    elif reply.channel == Channel.SMS:
        yield from _faults_of_text(as_sent(body, Channel.SMS))
    elif reply.channel == Channel.LINE and _is_too_long(body) and any(file.is_shown for file in files):
        yield _("Beside pictures LINE takes one text of 5,000 characters. Please shorten it.")


def _is_too_long(body: str) -> bool:
    return len(body.encode("utf-16-le")) > 2 * LONGEST_BESIDE_PICTURES


def _faults_of_text(text: str) -> Iterator[str]:
    segments = sms.measure(text).segments
    if segments > MAX_SEGMENTS:
        yield _("With the links to its files this has %(count)s segments, and at most %(most)s are sent.") % {
            "count": segments, "most": MAX_SEGMENTS,
        }  # fmt: skip
    if stranger := LinkRules.current().stranger(text):
        yield _(
            "The files go as links to %(link)s, which is on no registered domain: see the rules of sending, Links."
        ) % {"link": stranger[0]}


add_reply_way("messaging", ReplyWay(why_no_files, faults))
