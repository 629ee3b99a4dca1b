"""Letters as real mail programs write them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.inbound.quoting import fold

GMAIL = """Thank you, that works.

On Sat, 21 Nov 2026 at 10:15, Baan Kafe <hello@baankafe.example> wrote:

> Dear Ploy,
>
> Please try the second button.
> > It does not heat.
"""
GMAIL_WRAPPED = """Yes please.

On Sat, 21 Nov 2026 at 10:15, Baan Kafe Customer Service Department
<customer.service@baankafe.example> wrote:
> Shall we send a new one?
"""
GMAIL_THAI = """ได้รับแล้วค่ะ ขอบคุณมาก

เมื่อ ส. 21 พ.ย. 2026 เวลา 10:15 Baan Kafe <hello@baankafe.example> เขียนว่า:

> เราส่งของให้แล้วค่ะ
"""
GMAIL_THAI_OLD = """โอเคค่ะ

ในวันที่ ส. 21 พ.ย. 2026 เวลา 10:15 Baan Kafe <hello@baankafe.example> เขียนว่า:
> ส่งวันจันทร์ได้ไหมคะ
"""
APPLE = """Monday is fine.

Sent from my iPhone

> On 21 Nov BE 2569, at 10:15, Baan Kafe <hello@baankafe.example> wrote:
>
> \N{NO-BREAK SPACE}When may we come?
"""
APPLE_MAC = """Monday is fine.

> On 21 Nov 2026, at 10:15, Baan Kafe <hello@baankafe.example> wrote:
> When may we come?
"""
OUTLOOK = """It still leaks.

Regards,
Ploy

-----Original Message-----
From: Baan Kafe <hello@baankafe.example>
Sent: Saturday, 21 November 2026 10:15
To: Ploy
Subject: Re: My kettle

Please try the second button.
"""
OUTLOOK_NEW = """It still leaks.

________________________________
From: Baan Kafe <hello@baankafe.example>
Sent: Saturday, 21 November 2026 10:15
To: Ploy <ploy@example.com>
Subject: Re: My kettle

Please try the second button.
"""
OUTLOOK_BARE = """It still leaks.

From: Baan Kafe <hello@baankafe.example>
Sent: Saturday, 21 November 2026 10:15
To: Ploy <ploy@example.com>
Subject: Re: My kettle

Please try the second button.
"""
OUTLOOK_THAI = """ยังรั่วอยู่ค่ะ

จาก: Baan Kafe <hello@baankafe.example>
ส่ง: วันเสาร์ที่ 21 พฤศจิกายน 2026 10:15
ถึง: Ploy <ploy@example.com>
เรื่อง: Re: กาน้ำ

ลองกดปุ่มที่สองนะคะ
"""
OUTLOOK_THAI_DIVIDER = """ยังรั่วอยู่ค่ะ

-----ข้อความต้นฉบับ-----
จาก: Baan Kafe
ลองกดปุ่มที่สองนะคะ
"""


@pytest.mark.parametrize(
    ("text", "new", "old"),
    [
        (GMAIL, "Thank you, that works.", "On Sat, 21 Nov 2026"),
        (GMAIL_WRAPPED, "Yes please.", "On Sat, 21 Nov 2026"),
        (GMAIL_THAI, "ได้รับแล้วค่ะ ขอบคุณมาก", "เมื่อ ส. 21 พ.ย. 2026"),
        (GMAIL_THAI_OLD, "โอเคค่ะ", "ในวันที่ ส. 21 พ.ย. 2026"),
        (APPLE, "Monday is fine.\n\nSent from my iPhone", "> On 21 Nov BE 2569"),
        (APPLE_MAC, "Monday is fine.", "> On 21 Nov 2026"),
        (OUTLOOK, "It still leaks.\n\nRegards,\nPloy", "-----Original Message-----"),
        (OUTLOOK_NEW, "It still leaks.", "________________"),
        (OUTLOOK_BARE, "It still leaks.", "From: Baan Kafe"),
        (OUTLOOK_THAI, "ยังรั่วอยู่ค่ะ", "จาก: Baan Kafe"),
        (OUTLOOK_THAI_DIVIDER, "ยังรั่วอยู่ค่ะ", "-----ข้อความต้นฉบับ-----"),
    ],
    ids=[
        "Gmail", "Gmail, long name", "Gmail in Thai", "Gmail in older Thai", "iPhone", "Apple Mail", "Outlook",
        "Outlook on the web", "Outlook without a line", "Outlook in Thai", "Outlook in Thai with a line",
    ],
)  # fmt: skip
def test_the_answered_letter_is_folded(text: str, new: str, old: str) -> None:
    words = fold(text)
    assert words.new == new
    assert words.quoted.startswith(old)
    assert fold(text.replace("\n", "\r\n")) == words


def test_a_line_message_or_any_letter_without_quotes_is_all_new() -> None:
    assert fold("Hello?\n\nAre you open today?") == fold("Hello?\n\nAre you open today?\n")
    assert fold("Hello?\n\nAre you open today?").quoted == ""


def test_a_signature_is_folded_too() -> None:
    words = fold("Please call me.\n\n-- \nPloy S.\n081 234 5678\n")
    assert (words.new, words.quoted) == ("Please call me.", "-- \nPloy S.\n081 234 5678")


def test_a_signature_above_the_quote_goes_with_it() -> None:
    words = fold(f"Please call me.\n-- \nPloy\n{GMAIL.partition('works.')[2]}")
    assert words.new == "Please call me."
    assert words.quoted.startswith("-- \nPloy")


def test_an_answer_below_the_quote_is_found() -> None:
    words = fold("On Sat, 21 Nov 2026 at 10:15, Baan Kafe <a@b.example> wrote:\n> Is it red?\n\nNo, blue.")
    assert words.new == "No, blue."
    assert words.quoted.endswith("> Is it red?")


def test_answers_between_the_quoted_lines_keep_what_they_answer() -> None:
    text = "Hello,\n\nOn 21 Nov 2026, at 10:15, Baan <a@b.example> wrote:\n> Is it red?\nNo, blue.\n> And large?\nYes."
    assert (fold(text).new, fold(text).quoted) == (text, "")


def test_what_somebody_says_of_others_is_not_an_attribution() -> None:
    text = "On Monday my friend wrote:\nit is too small. So I want to return it."
    assert fold(text).new == text


def test_a_letter_with_nothing_new_is_shown_whole() -> None:
    assert fold(OUTLOOK.partition("Ploy\n\n")[2]).quoted == ""
    assert fold("> only this").new == "> only this"
    assert fold("").new == ""


def test_a_price_list_in_the_customers_own_words_is_no_header() -> None:
    text = "From: Bangkok\nI would like two.\nThank you"
    assert fold(text).new == text


@pytest.mark.parametrize(
    "text", [">a\nb\n" * 40_000, "> " * 100_000, "On " * 60_000, "-" * 200_000, "From: a\n" * 25_000, "\n" * 200_000]
)
def test_a_hostile_letter_takes_no_longer_than_reading_it(text: str) -> None:
    started = time.process_time()
    fold(text)
    assert time.process_time() - started < 5  # a fraction of a second; hours if it grew with the square


@given(st.text(alphabet=st.sampled_from("> -_:\nabOn1@wrote"), max_size=200))
def test_no_word_is_ever_lost(text: str) -> None:
    words = fold(text)
    kept = f"{words.new}\n{words.quoted}".split()
    assert sorted(kept) == sorted(text.split())


@pytest.mark.parametrize(
    "head",
    [
        "On Thursday, Baan Kafe wrote:",
        "On Thursday Baan Kafe wrote:",
        "เมื่อวันพฤหัสบดี Baan Kafe เขียนว่า:",
        "Baan Kafe wrote:",
        "Baan Kafe เขียนว่า:",
    ],
)
def test_a_head_without_a_date_is_one_above_quoted_lines_only(head: str) -> None:
    found = fold(f"Thank you.\n\n{head}\n\n> Shall we send it?\n")
    assert (found.new, found.quoted.split("\n")[0]) == ("Thank you.", head)
    said = f"{head}\nit was broken when it came, and I agree."
    assert (fold(said).new, fold(said).quoted) == (said, "")


@pytest.mark.parametrize(
    "head",
    [
        # Yahoo, in both languages
        "On Thursday, November 19, 2026 at 10:15:00 AM GMT+7, Baan Kafe <hello@baankafe.example> wrote:",
        "ในวัน พฤหัสบดี 19 พฤศจิกายน พ.ศ. 2569 10:15:00 GMT+7, Baan Kafe <hello@baankafe.example> เขียนว่า:",
        # Gmail, with its short date
        "2026-11-19 10:15 GMT+07:00 Baan Kafe <hello@baankafe.example>:",
        # Apple Mail and others in Thai
        "เมื่อ 19 พ.ย. 2569 เวลา 10:15 Baan Kafe <hello@baankafe.example> ได้เขียนว่า:",
        "ในวันที่ 19 พ.ย. 2569 เวลา 10:15 น. Baan Kafe <hello@baankafe.example>\nได้เขียนไว้ว่า:",
        "19 พ.ย. 2569 10:15 น., Baan Kafe <hello@baankafe.example> เขียนว่า:",
        # Thunderbird in Thai, and written the other way around
        "เมื่อ 19/11/2569 10:15, Baan Kafe เขียน:",
        "Baan Kafe wrote on 19/11/2026 10:15:",
        # Outlook, whose bold letters became stars
        "*From:* Baan Kafe\n*Sent:* Thursday, 19 November 2026 10:15\n*To:* Ploy\n*Subject:* Re: My kettle",
        "*จาก:* Baan Kafe\n*ส่งเมื่อ:* 19 พฤศจิกายน 2569 10:15\n*ถึง:* Ploy\n*เรื่อง:* Re: กาต้มน้ำ",
        "จาก: Baan Kafe\nวันที่ส่ง: 19 พฤศจิกายน 2569 10:15\nไปยัง: Ploy\nชื่อเรื่อง: Re: กาต้มน้ำ",
    ],
)
def test_the_heads_of_other_programs_with_and_without_marks_below(head: str) -> None:
    for mark in ("> ", ""):
        found = fold(f"Thank you.\n\n{head}\n\n{mark}Shall we send it?\n")
        assert (found.new, found.quoted.split("\n")[0]) == ("Thank you.", head.split("\n")[0])


@pytest.mark.parametrize(
    "text",
    [
        "-- \nPloy\n\nOn Thu, 19 Nov 2026 at 10:15, Baan Kafe <hello@baankafe.example> wrote:\n> Shall we?",
        "On Thursday, Baan Kafe wrote:\n> Shall we?",
        "2026-11-19 10:15 GMT+07:00 Baan Kafe <hello@baankafe.example>:\n> Shall we?",
        "From: a\nTo: b\nSubject: c\n\nShall we?",
        "> a\n> b",
        "-- \nPloy",
    ],
)
def test_a_whole_letter_is_never_folded_away(text: str) -> None:
    assert (fold(text).new, fold(text).quoted) == (text.strip(), "")


def test_two_people_and_a_number_are_no_head() -> None:
    said = "2 colleagues of mine wrote:\nit does not work."
    assert fold(said).new == said
