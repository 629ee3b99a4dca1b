import pytest

from messaging.channels.reasons import Reason
from messaging.outbox.ways import Way, choose

OPEN = None


@pytest.mark.parametrize(
    ("faults", "chosen"),
    [
        ([OPEN, OPEN], 0),
        ([Reason.UNREACHABLE, OPEN], 1),
        ([Reason.OPTED_OUT, OPEN], 1),
        ([Reason.SUPPRESSED, Reason.UNREACHABLE], 0),
        ([Reason.UNREACHABLE, Reason.SUPPRESSED], 1),
        ([Reason.NO_CONSENT, Reason.OPTED_OUT], 0),
        ([Reason.UNREACHABLE, Reason.NO_TEMPLATE], 1),
        ([Reason.UNREACHABLE, Reason.UNREACHABLE], 0),
        ([Reason.NO_TEMPLATE, Reason.NO_CONSENT, OPEN], 2),
    ],
)
def test_the_first_open_way_is_taken_and_else_the_one_that_says_most(faults: list[Reason | None], chosen: int) -> None:
    ways = [Way(f"channel {number}", "somewhere", fault) for number, fault in enumerate(faults)]
    assert choose(ways) is ways[chosen]


def test_what_stands_behind_an_open_way_is_not_looked_at() -> None:
    looked_at = []

    def look(channel: str) -> Way:
        looked_at.append(channel)
        return Way(channel, "somewhere")

    choose(look(channel) for channel in ("sms", "email"))
    assert looked_at == ["sms"]
