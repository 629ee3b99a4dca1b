"""Holdout lift."""

import pytest

from journeys.selectors.results import Group, Lift


def test_the_interval_is_newcombes() -> None:
    """The example of the paper (Newcombe 1998, table II, method 10): 56/70 against 48/80."""
    low, high = Lift(Group(70, 56), Group(80, 48)).interval

    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)


@pytest.mark.parametrize(
    ("treated", "held_out", "clear"), [((1000, 200), (1000, 100), True), ((10, 2), (10, 1), False)]
)
def test_a_lift_is_clear_when_chance_is_no_explanation(
    treated: tuple[int, int], held_out: tuple[int, int], clear: bool
) -> None:
    assert Lift(Group(*treated), Group(*held_out)).is_clear is clear


def test_a_group_of_nobody_knows_nothing() -> None:
    assert Group(0, 0).wilson() == (0.0, 1.0)
    assert Lift(Group(5, 5), Group(0, 0)).interval[1] <= 2.0
