from journeys.flows.holdout import CONTROL, OWN, in_control_group, is_held_out, why_held_out

PEOPLE = range(1, 2001)


def held(percent: int) -> set[int]:
    return {customer for customer in PEOPLE if in_control_group(customer, percent)}


def test_about_its_share_of_all_customers_is_in_the_control_group() -> None:
    assert held(0) == set()
    assert 160 < len(held(10)) < 240
    assert len(held(100)) == len(PEOPLE)


def test_a_larger_group_takes_people_in_and_lets_none_go() -> None:
    assert held(5) < held(10) < held(50)


def test_it_is_drawn_apart_from_the_share_of_any_flow() -> None:
    own = {customer for customer in PEOPLE if is_held_out("welcome", customer, 50)}
    both = len(own & held(50))
    assert 400 < both < 600


def test_nobody_made_up_is_in_it() -> None:
    assert not any(in_control_group(-customer, 100) for customer in PEOPLE)


def test_the_group_says_why_before_the_flow_does() -> None:
    assert why_held_out("welcome", 1, 100, in_control=True) == CONTROL
    assert why_held_out("welcome", 1, 100, in_control=False) == OWN
    assert why_held_out("welcome", 1, 0, in_control=False) == ""
