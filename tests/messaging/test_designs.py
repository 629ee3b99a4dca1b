"""Designs to start an email from: each says what it says, to anybody."""

import pytest

from crm.models import Shop
from messaging.designs import DESIGNS, Design
from messaging.outbox.authoring import VariantIn, check
from messaging.rendering.freezing import Pieces
from messaging.rendering.preview import Draft, preview
from messaging.selectors.samples import MADE_UP_ORDER
from tests.factories.crm import CustomerFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.slug)
@pytest.mark.parametrize("language", ["en", "th"])
def test_it_can_be_kept_and_read_in_both_languages(design: Design, language: str) -> None:
    subject, mjml = design.texts[language]
    assert check(slug="x", channel="email", variants={language: VariantIn(subject=subject, mjml=mjml)}) == []
    shown = preview(
        Draft("", subject, mjml=mjml), channel="email", customer=CustomerFactory(name="Ploy Suk"),
        shop=Shop.current(), pieces=Pieces.current(), language=language, context={"event": MADE_UP_ORDER},
    )  # fmt: skip
    assert shown.letter is not None
    assert shown.missing == ()
    assert Shop.current().name in shown.letter.html
    assert Shop.current().name in shown.letter.body
    assert f'lang="{language}"' in shown.letter.html
