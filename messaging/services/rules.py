"""The shop's rules of sending. They hold from the next message on, also for what waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import transaction

from messaging.models import FrequencyCap, MessagingSettings

Replies = Mapping[str, Mapping[str, str]]


@transaction.atomic
def set_limits(*, pause_on_complaint: bool, per_day: int | None, per_week: int | None) -> None:
    """
    Set how much marketing one customer gets; None sets no limit.

    Args:
        pause_on_complaint: send no promotions while a complaint is open.
    """
    MessagingSettings.objects.filter(pk=MessagingSettings.current().pk).update(pause_on_complaint=pause_on_complaint)
    for per, limit in ((FrequencyCap.Per.DAY, per_day), (FrequencyCap.Per.WEEK, per_week)):
        if limit is None:
            FrequencyCap.objects.filter(per=per).delete()
        else:
            FrequencyCap.objects.update_or_create(per=per, defaults={"limit": limit})


@transaction.atomic
def set_words(
    *,
    stop_words: Sequence[str],
    stop_phrases: Sequence[str],
    start_words: Sequence[str],
    help_words: Sequence[str],
    replies: Replies,
) -> MessagingSettings:
    """
    Set the words that opt out, opt in again and ask for help, and what they are answered with.

    Args:
        replies: {"stop": {"en": text, "th": text}, "start": …, "help": …}; languages not named keep their text, an
            empty text means that no answer is sent in that language.

    Raises:
        django.core.exceptions.ValidationError: a list with something else than words in it.
    """
    settings = MessagingSettings.objects.select_for_update().get(pk=MessagingSettings.current().pk)
    settings.stop_words, settings.stop_phrases = list(stop_words), list(stop_phrases)
    settings.start_words, settings.help_words = list(start_words), list(help_words)
    for word, texts in replies.items():
        merged = {**settings.replies.get(word, {}), **texts}
        settings.replies[word] = {language: text for language, text in merged.items() if text.strip()}
    settings.full_clean()
    settings.save()
    return settings


@transaction.atomic
def set_links(*, link_domain: str, registered_domains: Sequence[str], shorten_email: bool) -> None:
    """
    Set what short links begin with ("" for none), and which domains links in an SMS may be on (none: any).

    Raises:
        django.core.exceptions.ValidationError: no address, or no list of words.
    """
    settings = MessagingSettings.objects.select_for_update().get(pk=MessagingSettings.current().pk)
    settings.link_domain, settings.shorten_email = link_domain, shorten_email
    settings.registered_domains = list(registered_domains)
    settings.full_clean()
    settings.save()
