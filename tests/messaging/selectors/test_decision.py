from datetime import UTC, datetime, time
from typing import Any

import pytest

from messaging.channels.reasons import Reason
from messaging.models import Message
from messaging.outbox import policy
from messaging.selectors.decision import decided_at, gates

NOW = datetime(2026, 3, 2, 3, tzinfo=UTC)  # 10:00 in Bangkok
NIGHT = {("sms", "TH"): policy.QuietHours(time(9), time(20))}
SHOP = policy.ShopPolicy(quiet=NIGHT, caps=(policy.Cap("day", 2),))


def asked(shop: policy.ShopPolicy | None = None, **changes: Any) -> Message:
    """A message on which the real policy has decided; `changes` are of message and customer alike."""
    of_message = {name: changes.pop(name) for name in ("is_marketing", "is_answer", "expires_at") if name in changes}
    message = policy.MessageFacts(**{"channel": "sms", "topic": "promotions", "is_marketing": True, **of_message})
    customer = policy.CustomerFacts(**{"zone": "Asia/Bangkok", "country": "TH", "consent": "in", **changes})
    decision = policy.as_json(policy.decide(message, customer, shop or policy.ShopPolicy(), NOW))
    return Message(state=Message.State.WITHHELD, decision=decision, reason=decision.get("reason", ""))


def stops(message: Message) -> list[str]:
    return [str(gate.title) for gate in gates(message) if gate.verdict == "stopped"]


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"erased": True}, "Person"),
        ({"merged": True}, "Person"),
        ({"has_address": False}, "Person"),
        ({"suppressed": frozenset({"marketing"})}, "Suppressed address"),
        ({"consent": None}, "Consent"),
        ({"consent": "out"}, "Consent"),
        ({"open_complaint": True}, "Complaint"),
        ({"shop": SHOP, "sent": [NOW, NOW]}, "Frequency"),
        ({"shop": SHOP}, "Quiet hours"),
        ({"expires_at": NOW}, "Expiry"),
    ],
)
def test_each_refusal_stops_at_its_own_gate(changes: dict[str, Any], title: str) -> None:
    message = asked(**changes)
    assert stops(message) == [title]
    verdicts = [gate.verdict for gate in gates(message)]
    at = verdicts.index("stopped")
    assert set(verdicts[:at]) <= {"passed"}
    assert set(verdicts[at + 1 :]) <= {"not_asked"}


def test_what_may_go_passes_every_gate() -> None:
    message = asked()
    assert {gate.verdict for gate in gates(message)} == {"passed"}
    assert decided_at(message) == NOW


def test_the_gates_tell_the_numbers_they_went_by() -> None:
    told = {str(gate.title): gate.detail for gate in gates(asked(shop=SHOP, sent=[NOW]))}
    assert told["Consent"] == "opted in"
    assert told["Frequency"] == "1 of 2 a day"
    assert told["Quiet hours"] == "09:00 to 20:00; it was 10:00 in Asia/Bangkok"
    assert told["Expiry"] == ""  # never came so far


def test_a_service_message_says_why_marketing_rules_do_not_matter() -> None:
    told = {
        str(gate.title): gate.detail for gate in gates(asked(is_marketing=False, consent=None, open_complaint=True))
    }
    assert told["Consent"] == "a service message needs none"
    assert told["Complaint"] == "holds up promotions only"
    assert told["Frequency"] == "service messages are not counted"


def test_quiet_hours_of_marketing_do_not_hold_up_a_service_message() -> None:
    service = asked(shop=SHOP, is_marketing=False)
    (told,) = [gate for gate in gates(service) if gate.title == "Quiet hours"]
    assert (told.verdict, told.detail) == (
        "passed",
        "09:00 to 20:00, but not for such a message; it was 10:00 in Asia/Bangkok",
    )


def test_an_answer_is_not_asked_about_consent() -> None:
    told = {str(gate.title): gate.detail for gate in gates(asked(is_answer=True, consent="out"))}
    assert told["Consent"] == "not asked: it answers what they have just written"


def test_what_was_not_due_yet_was_not_asked_about() -> None:
    assert gates(Message()) == []
    assert decided_at(Message()) is None


def test_the_reason_itself_says_what_is_wrong_with_a_person() -> None:
    (stopped,) = [gate for gate in gates(asked(erased=True)) if gate.verdict == "stopped"]
    assert stopped.detail == str(Reason.ERASED.label)
