"""What a message says to one person: the right variant, filled in, as text and HTML."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Prefetch
from django.utils import translation
from django.utils.html import escape, linebreaks
from django.utils.translation import gettext as _

from crm.models import Channel, Shop
from messaging.channels.reasons import Reason
from messaging.models import Message, TemplateVariant, TemplateVersion
from messaging.rendering import links
from messaging.rendering.shortening import LinkRules, Shortened, Shortener
from messaging.texts import liquid, sms, urls
from messaging.texts.mjml import MAX_COMPILED

if TYPE_CHECKING:
    from messaging.models.template import TemplateVersionQuerySet
    from messaging.selectors.recipients import Addressee

MAX_SEGMENTS = 10


class CannotCompose(Exception):
    """There is no text for this message; `reason` is NO_TEMPLATE or TEMPLATE_ERROR."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Letter:
    """
    The text that leaves. `segments` is 0 unless it is an SMS; `unsubscribe_url` is "" for service messages; `short` are
    the links of our own domain in it.
    """

    body: str
    language: str
    subject: str = ""
    html: str = ""
    segments: int = 0
    version_id: int | None = None
    unsubscribe_url: str = ""
    short: tuple[Shortened, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """The Liquid that a letter is made from."""

    subject: str
    body: str
    html: str
    language: str
    version_id: int | None = None


class Letters:
    """Composes the letters of a batch. Loading costs three queries, whatever the batch; parsing happens once a text."""

    def __init__(self, messages: Iterable[Message], shop: Shop) -> None:
        self._shop = shop
        self._link_rules = LinkRules.current()
        self._versions = live_versions({message.template_id for message in messages if message.template_id})

    def compose(self, message: Message, customer: Addressee, source: Source | None = None) -> Letter:
        """
        Fill in the newest published version, in the language nearest to the message's.

        Args:
            source: what to fill in instead: a text that is being written.

        Raises:
            CannotCompose: nothing is published, a variable is missing, or the text is empty or too long.
        """
        source = source or self._source(message)
        if message.is_literal:
            return self._finish(message, source, source.subject, source.body, "")
        context = context_for(message, customer, self._shop)
        try:
            subject, body, html = (
                _filled(text, context, source.language, is_html=is_html) if text else ""
                for text, is_html in ((source.subject, False), (source.body, False), (source.html, True))
            )
        except (liquid.InvalidTemplate, liquid.RenderFailed) as error:
            raise CannotCompose(Reason.TEMPLATE_ERROR, str(error)) from error
        return self._finish(message, source, subject, body, html)

    def _finish(self, message: Message, source: Source, subject: str, body: str, html: str) -> Letter:
        body = body.strip()
        if not body:
            raise CannotCompose(Reason.TEMPLATE_ERROR, "the text is empty")
        shortener = None
        if self._link_rules.shortens(message.channel):
            shortener = Shortener(self._link_rules, message.public_id, with_ways_out=message.channel != Channel.EMAIL)
            body, html = shortener.text(body), shortener.html(html)
        short = shortener.made if shortener else ()
        if message.channel == Channel.EMAIL:
            return _email(message, source, subject, body, html, short)
        segments = self._segments(body) if message.channel == Channel.SMS else 0
        return Letter(body, source.language, segments=segments, version_id=source.version_id, short=short)

    def _segments(self, body: str) -> int:
        """What an SMS takes, and that it may go: not too long, and its links where they are registered."""
        segments = sms.measure(body).segments
        if segments > MAX_SEGMENTS:
            raise CannotCompose(Reason.TEMPLATE_ERROR, f"{segments} segments; at most {MAX_SEGMENTS} are sent")
        if stranger := self._link_rules.stranger(body):
            raise CannotCompose(Reason.TEMPLATE_ERROR, f"a link to a domain that is not registered: {stranger[0]}")
        return segments

    def _source(self, message: Message) -> Source:
        language = message.language or self._shop.language
        if message.is_literal:
            return Source(message.subject, message.body, "", language)
        if message.template_id is None:
            return Source(message.source_subject, message.source_body, "", language)
        version = self._versions.get(message.template_id)
        variant = nearest(list(version.variants.all()), language, self._shop.language) if version else None
        if version is None or variant is None:
            raise CannotCompose(Reason.NO_TEMPLATE, "nothing is published")
        return Source(variant.subject, variant.final_body, variant.final_html, variant.language, version.pk)


def _filled(text: str, context: Mapping[str, Any], language: str, *, is_html: bool) -> str:
    template = liquid.parse(text, html=is_html, most=MAX_COMPILED)
    return template.render(context, language=language)


def live_versions(template_ids: Iterable[int]) -> dict[int, TemplateVersion]:
    """The newest published version of each template, with its variants; two queries."""
    return _newest(TemplateVersion.objects.filter(template__in=set(template_ids)))


def live_texts(slugs: Iterable[str]) -> dict[tuple[str, str], list[str]]:
    """What is live of these templates says, by slug and channel: all that leaves, in all languages; two queries."""
    found = _newest(TemplateVersion.objects.filter(template__slug__in=set(slugs)).select_related("template"))
    return {
        (version.template.slug, version.template.channel): [
            text
            for variant in version.variants.all()
            for text in (variant.subject, variant.final_body, variant.final_html)
            if text
        ]
        for version in found.values()
    }


def _newest(versions: TemplateVersionQuerySet) -> dict[int, TemplateVersion]:
    variants = Prefetch("variants", TemplateVariant.objects.order_by("language"))
    published = versions.published().order_by("number").prefetch_related(variants)
    return {version.template_id: version for version in published}


def nearest(variants: Sequence[TemplateVariant], *languages: str) -> TemplateVariant | None:
    """The variant for the first of `languages` that has one ("th-TH" is served by "th"), else any; None of none."""
    by_language = {variant.language.lower(): variant for variant in variants}
    for language in languages:
        wanted = language.lower()
        found = by_language.get(wanted) or by_language.get(wanted.partition("-")[0])
        if found:
            return found
    return variants[0] if variants else None


def context_for(message: Message, customer: Addressee, shop: Shop) -> dict[str, Any]:
    """The data a template sees; what the caller gave cannot take the place of ours."""
    return {
        **message.context,
        "customer": _OnDemand(
            {
                "name": customer.name,
                "first_name": customer.first_name,
                "email": customer.email,
                "language": customer.language,
                "attributes": customer.attributes,
            },
            phone=lambda: str(customer.phone or ""),
        ),
        "shop": {"name": shop.name},
        "links": _OnDemand(
            unsubscribe=lambda: links.unsubscribe_url(message.public_id),
            preferences=lambda: links.preferences_url(customer.public_id),
        ),
        "time_zone": customer.time_zone or shop.time_zone,
    }


class _OnDemand(dict[str, Any]):
    """Data for a template of which some takes work, and is made only when a template asks for it: most do not."""

    def __init__(self, ready: Mapping[str, Any] | None = None, **makers: Callable[[], str]) -> None:
        super().__init__(ready or {})
        self._makers = makers

    def __missing__(self, name: str) -> str:
        return self._makers[name]()


def as_html(text: str, language: str) -> str:
    """A text as a plain HTML mail: escaped, in paragraphs, its links clickable."""
    body = linebreaks(_with_links(text), autoescape=False)
    return f'<!doctype html><html lang="{escape(language)}"><body>{body}</body></html>'


def _with_links(text: str) -> str:
    pieces, end = [], 0
    for url in urls.URL.finditer(text):
        address = escape(url[0])
        pieces += [escape(text[end : url.start()]), f'<a href="{address}">{address}</a>']
        end = url.end()
    return "".join([*pieces, escape(text[end:])])


def _email(
    message: Message, source: Source, subject: str, body: str, html: str, short: tuple[Shortened, ...]
) -> Letter:
    """Adds to marketing the way out that law and mailbox providers ask for, unless the text has it."""
    html = html.strip() or as_html(body, source.language)
    way_out = ""
    if message.lane == Message.Lane.MARKETING:
        way_out = links.unsubscribe_url(message.public_id)
        with translation.override(source.language):
            word = _("Unsubscribe")
        if way_out not in body:
            body = f"{body}\n\n-- \n{word}: {way_out}"
        if way_out not in html:
            html = _before_the_end(html, f'<p><a href="{way_out}">{escape(word)}</a></p>')
    # A line break would start another header.
    subject = " ".join(subject.split())
    return Letter(
        body, source.language, subject=subject, html=html, version_id=source.version_id, unsubscribe_url=way_out,
        short=short,
    )  # fmt: skip


def _before_the_end(html: str, more: str) -> str:
    head, end, tail = html.rpartition("</body>")
    return f"{head}{more}{end}{tail}" if end else html + more
