"""Give the customer a single-use code of a promotion, for the messages that follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from crm.rules.schema import Slug
from journeys.flows.steps.base import Ask, CouponRefused, Decision, Effect, Go, Moment, Step


@dataclass(frozen=True, slots=True)
class PutCoupon(Effect):
    """
    A code of `promotion` for the customer, into the context of what follows.

    With `refused`, the reason why there is none; what an earlier step put there is taken out then, since it is the code
    of something else.
    """

    promotion: str
    refused: str = ""


class Coupon(Step):
    """
    `promotion` is a slug. One code for each visit, whatever is done again.

    A promotion that is over, used up or not for this customer gives no code: the visit says why, and the flow goes on.
    """

    type: Literal["coupon"]
    promotion: Slug

    def take(self, moment: Moment) -> Decision:
        question = CouponRefused(self.id, self.promotion)
        if question not in moment.facts:
            return Ask([question])
        refused = str(moment.facts[question])
        detail = {"promotion": self.promotion} | ({"reason": refused} if refused else {})
        return Go("no_coupon" if refused else "given", effects=[PutCoupon(self.promotion, refused)], detail=detail)
