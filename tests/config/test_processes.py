"""How a process of the product is set up."""

import gc


def test_what_is_loaded_at_the_start_is_not_searched_for_cycles_again() -> None:
    assert gc.get_freeze_count() > 100_000
    assert gc.get_threshold()[0] == 50_000
