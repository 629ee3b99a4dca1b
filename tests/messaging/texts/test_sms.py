"""Counted by hand from 3GPP TS 23.038 and TS 23.040."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.texts.sms import BASIC, EXTENSION, Measure, encoding_of, measure, split

THAI = "สวัสดี"  # six code points, two of them combining: UCS-2 counts code units, not letters
FAMILY = "👍"  # outside the basic plane: a surrogate pair


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Measure("GSM-7", 0, 0, 160)),
        ("a", Measure("GSM-7", 1, 1, 159)),
        ("a" * 160, Measure("GSM-7", 160, 1, 0)),
        ("a" * 161, Measure("GSM-7", 161, 2, 145)),
        ("a" * 306, Measure("GSM-7", 306, 2, 0)),
        ("a" * 307, Measure("GSM-7", 307, 3, 152)),
        ("€" * 80, Measure("GSM-7", 160, 1, 0)),
        ("€" * 80 + "a", Measure("GSM-7", 161, 2, 144)),
        (THAI, Measure("UCS-2", 6, 1, 64)),
        ("ก" * 70, Measure("UCS-2", 70, 1, 0)),
        ("ก" * 71, Measure("UCS-2", 71, 2, 63)),
        ("ก" * 134, Measure("UCS-2", 134, 2, 0)),
        ("ก" * 135, Measure("UCS-2", 135, 3, 66)),
        (FAMILY * 35, Measure("UCS-2", 70, 1, 0)),
        (FAMILY * 36, Measure("UCS-2", 72, 2, 61)),
    ],
)
def test_units_and_segments_are_those_of_the_standard(text: str, expected: Measure) -> None:
    assert measure(text) == expected


def test_an_extension_character_is_not_cut_in_two_at_the_border() -> None:
    # 152 septets, then an escape pair: one septet of the first segment stays empty.
    text = "a" * 152 + "€" + "b" * 10
    assert split(text) == ["a" * 152, "€" + "b" * 10]
    assert measure(text) == Measure("GSM-7", 164, 2, 141)


def test_a_surrogate_pair_is_not_cut_in_two_at_the_border() -> None:
    text = "ก" * 66 + FAMILY + "ข" * 10
    assert split(text) == ["ก" * 66, FAMILY + "ข" * 10]
    assert measure(text) == Measure("UCS-2", 78, 2, 55)


def test_a_pair_pushed_over_a_border_can_cost_a_segment_more_than_the_sum_says() -> None:
    # 306 septets would fill two segments exactly; the border falls into the euro sign.
    assert measure("a" * 152 + "€" + "a" * 152) == Measure("GSM-7", 306, 3, 152)


def test_one_character_outside_the_alphabet_makes_the_whole_text_ucs_2() -> None:
    assert encoding_of("Only 5 € left, don't wait") == "GSM-7"
    assert encoding_of("Only 5 € left, don’t wait") == "UCS-2"
    assert encoding_of("ç") == "UCS-2"  # the table has the capital only


def test_the_tables_have_127_characters_besides_the_escape_and_ten() -> None:
    assert len(BASIC) == 127
    assert len(EXTENSION) == 10
    assert not BASIC & EXTENSION


def test_the_measure_as_the_api_gives_it() -> None:
    assert measure("abc").as_json() == {"encoding": "GSM-7", "units": 3, "segments": 1, "remaining": 157}


gsm = st.text(st.sampled_from(sorted(BASIC | EXTENSION)), max_size=700)
anything = st.text(max_size=300)


@given(st.one_of(gsm, anything))
def test_the_segments_hold_the_text_and_each_fits(text: str) -> None:
    measured, parts = measure(text), split(text)
    assert "".join(parts) == text
    assert len(parts) == measured.segments
    room = {"GSM-7": (160, 153), "UCS-2": (70, 67)}[measured.encoding][len(parts) > 1]
    sizes = [
        len(part.encode("utf-16-le", "surrogatepass")) // 2
        if measured.encoding == "UCS-2"
        else sum(2 if char in EXTENSION else 1 for char in part)
        for part in parts
    ]
    assert all(0 < size <= room for size in sizes)
    assert sum(sizes) == measured.units
    if parts:
        assert measured.remaining == room - sizes[-1]


@given(st.one_of(gsm, anything), st.text(max_size=1))
def test_a_longer_text_never_takes_fewer_segments(text: str, more: str) -> None:
    assert measure(text + more).segments >= measure(text).segments
