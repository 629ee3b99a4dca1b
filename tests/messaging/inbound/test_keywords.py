"""Every line here is a text that somebody might send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.inbound.keywords import Reading, Words, plain, read
from messaging.models.settings import HELP_WORDS, START_WORDS, STOP_PHRASES, STOP_WORDS

WORDS = Words.of(stop=STOP_WORDS, stop_phrases=STOP_PHRASES, start=START_WORDS, help_=HELP_WORDS)


@pytest.mark.parametrize(
    "text",
    [
        "StOp.", " stop ", "STOP!", "หยุด", "please stop texting", "STOP ALL", "Unsubscribe", "stop\n", "ＳＴＯＰ",
        "opt-out", "Opt out", "ยกเลิก", "เลิกรับ", "หยุดส่งข้อความ", "กรุณาหยุดส่งข้อความค่ะ", "don't text me again",
        "Don’t text me again", "please stop", "remove me from this list", "STOP STOP", "End", "Quit.",
    ],
)  # fmt: skip
def test_these_are_opt_outs(text: str) -> None:
    assert read(text, WORDS) == Reading.STOP


@pytest.mark.parametrize(
    "text",
    [
        "STOPPED by yesterday", "Is there a bus stop near you?", "My watch stopped", "วันหยุดเปิดไหม", "ขอยกเลิกออเดอร์ 17",
        "don't stop sending offers", "nonstop? no, stop",
    ],
)  # fmt: skip
def test_these_are_for_a_person_to_read(text: str) -> None:
    assert read(text, WORDS) == Reading.UNCLEAR


@pytest.mark.parametrize(
    "text",
    [
        "When does it arrive?", "At the end of the week", "I want to cancel my order", "nonstop flight", "ขอบคุณค่ะ", "",
        "👍", "can I quit the wizard and come back?", "stop " + "and read this long letter " * 10,
    ],
)  # fmt: skip
def test_these_are_messages_like_any_other(text: str) -> None:
    assert read(text, WORDS) == Reading.MESSAGE


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("START", Reading.START),
        ("unstop", Reading.START),
        ("เริ่ม", Reading.START),
        ("Help!", Reading.HELP),
        ("INFO", Reading.HELP),
    ],
)
def test_start_and_help(text: str, reading: Reading) -> None:
    assert read(text, WORDS) == reading


def test_a_shop_may_have_words_of_its_own() -> None:
    words = Words.of(stop=["Basta"], stop_phrases=["no más"], start=[], help_=[])
    assert read("¡BASTA!", words) == Reading.STOP
    assert read("por favor no más mensajes", words) == Reading.STOP
    assert read("stop", words) == Reading.MESSAGE


@given(st.text(max_size=300))
def test_any_text_has_a_reading_and_its_plain_form_is_stable(text: str) -> None:
    assert read(text, WORDS) in Reading
    assert plain(plain(text)) == plain(text)


@given(st.sampled_from(STOP_WORDS), st.sampled_from(["", " ", "!", "...", "\n", "?!"]), st.booleans())
def test_case_spaces_and_punctuation_do_not_matter(word: str, around: str, upper: bool) -> None:
    assert read(f"{around}{word.upper() if upper else word}{around}", WORDS) == Reading.STOP
