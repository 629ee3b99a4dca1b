"""The lot somebody draws is theirs for good, and the lots fall as the weights say."""

from collections import Counter
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.broadcasts.lots import draw

PEOPLE = [UUID(int=0xC0 << 64 | number) for number in range(4_000)]
weights = st.lists(st.integers(1, 100), min_size=1, max_size=4)
shares = st.integers(0, 90)


@given(st.uuids(), st.uuids(), weights, shares)
def test_the_same_person_always_draws_the_same_lot(broadcast, customer, weights, share):
    lot = draw(broadcast, customer, weights, test_share=share)

    assert lot == draw(UUID(str(broadcast)), UUID(str(customer)), tuple(weights), test_share=share)
    assert lot is None or 1 <= lot <= len(weights)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.uuids(), weights)
def test_the_lots_fall_as_the_weights_say(broadcast, weights):
    drawn = Counter(draw(broadcast, person, weights) for person in PEOPLE)

    for number, weight in enumerate(weights, start=1):
        assert drawn[number] / len(PEOPLE) == pytest.approx(weight / sum(weights), abs=0.04)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.uuids(), weights, st.integers(1, 90))
def test_a_trial_takes_its_share_of_the_people(broadcast, weights, share):
    drawn = Counter(draw(broadcast, person, weights, test_share=share) is not None for person in PEOPLE)

    assert drawn[True] / len(PEOPLE) == pytest.approx(share / 100, abs=0.04)


@given(st.uuids(), st.uuids(), weights, shares)
def test_a_larger_trial_keeps_whoever_was_in_the_smaller_one(broadcast, customer, weights, share):
    smaller = draw(broadcast, customer, weights, test_share=share)

    if share and smaller is not None:
        assert draw(broadcast, customer, weights, test_share=min(share + 10, 90)) == smaller


def test_there_must_be_something_to_draw_from():
    with pytest.raises(ValueError, match="nothing to draw"):
        draw(PEOPLE[0], PEOPLE[1], [])
