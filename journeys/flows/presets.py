"""Six follow-ups that cover the journeys' stages, ready to be published. Their templates: messaging.presets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from journeys.flows import versions
from journeys.models import Flow
from journeys.models.journey import in_language

DAYTIME = {"from": "09:00", "to": "19:00"}
WORKDAYS = {**DAYTIME, "days": ["mon", "tue", "wed", "thu", "fri"]}


@dataclass(frozen=True, slots=True)
class FlowPreset:
    """
    A flow as it comes with the product. `definition` is JSON in the shape of journeys.flows.definition.

    Its names are data and no text of the pages: they become the flow's own, which staff then edit.
    """

    slug: str
    name: str
    name_th: str
    description: str
    description_th: str
    definition: dict[str, Any]

    @property
    def label(self) -> str:
        return in_language(self.name, self.name_th)

    @property
    def about(self) -> str:
        """What it is for, in the language of the page."""
        return in_language(self.description, self.description_th)


WELCOME = FlowPreset(
    "welcome",
    "Welcome",
    "ต้อนรับ",
    "Greets whoever came through a touchpoint and has not bought yet.",
    "ทักทายผู้ที่มาจากจุดสัมผัสต่าง ๆ และยังไม่เคยซื้อ",
    {
        "trigger": {"event": "Touchpoint Visited"},
        "audience": {"purchases": {"count": {"eq": 0}}},
        "reentry": {"policy": "once"},
        "exits": [{"event": "Order Completed"}],
        "goal": {"event": "Order Completed", "within": "P30D"},
        "steps": [
            {"id": "settle", "type": "wait", "for": "PT2H", "window": DAYTIME},
            {
                "id": "greet",
                "type": "send",
                "channel": "sms",
                "fallback": ["email"],
                "template": "welcome",
                "topic": "brand_news",
            },
        ],
    },
)

ENQUIRY_FOLLOW_UP = FlowPreset(
    "enquiry-follow-up",
    "Enquiry follow-up",
    "ติดตามหลังสอบถาม",
    "Asks whether our answer helped; an enquiry nobody has answered for a day becomes a task.",
    "ถามว่าคำตอบของเราช่วยได้ไหม หากไม่มีใครตอบคำถามภายในหนึ่งวันจะสร้างงานให้ทีม",
    {
        "trigger": {"event": "Enquiry Opened"},
        "reentry": {"policy": "always", "key": "properties.ticket"},
        "exits": [{"event": "Order Completed"}],
        "goal": {"event": "Order Completed", "within": "P14D"},
        "steps": [
            {
                "id": "answered",
                "type": "wait_event",
                "event": "Ticket Replied",
                "timeout": "P1D",
                "then": [
                    {"id": "settle", "type": "wait", "for": "P2D", "window": WORKDAYS},
                    {
                        "id": "helped",
                        "type": "send",
                        "channel": "sms",
                        "fallback": ["email"],
                        "template": "enquiry-follow-up",
                        "topic": "after_sales",
                    },
                ],
                "else": [
                    {
                        "id": "remind-us",
                        "type": "task",
                        "title": "Answer the enquiry that has waited a day",
                        "assign": "owner",
                        "due": "PT4H",
                    }
                ],
            }
        ],
    },
)

ABANDONED_CART = FlowPreset(
    "abandoned-cart",
    "Abandoned cart",
    "ตะกร้าที่ทิ้งไว้",
    "Reminds of a checkout that was started and not finished; an order ends it at once.",
    "เตือนเมื่อเริ่มชำระเงินแล้วแต่ยังไม่เสร็จ เมื่อสั่งซื้อแล้วจะหยุดทันที",
    {
        "trigger": {"event": "Checkout Started"},
        "reentry": {"policy": "cooldown", "cooldown": "P7D"},
        "exits": [{"event": "Order Completed"}],
        "goal": {"event": "Order Completed", "within": "P7D"},
        "steps": [
            {"id": "think", "type": "wait", "for": "PT3H"},
            {
                "id": "remind",
                "type": "send",
                "channel": "sms",
                "fallback": ["email"],
                "template": "abandoned-cart",
                "topic": "promotions",
                "expires_after": "P1D",
            },
            {"id": "last-chance", "type": "wait", "for": "P3D"},
            {"id": "mark", "type": "tag", "add": ["left a cart"]},
        ],
    },
)

THANK_YOU = FlowPreset(
    "thank-you",
    "Thank-you and delivery",
    "ขอบคุณและการจัดส่ง",
    "Thanks for the order, helps to use it a day after delivery, and has us trace a parcel that does not come.",
    "ขอบคุณสำหรับคำสั่งซื้อ แนะนำการใช้งานหลังได้รับของหนึ่งวัน และให้ทีมตามพัสดุที่ยังไม่ถึง",
    {
        "trigger": {"event": "Order Completed"},
        "reentry": {"policy": "always", "key": "properties.order_id"},
        "exits": [{"event": "Order Cancelled"}, {"event": "Order Refunded"}],
        "steps": [
            {
                "id": "thank",
                "type": "send",
                "channel": "sms",
                "fallback": ["email"],
                "template": "order-thanks",
                "topic": "order_updates",
            },
            {
                "id": "delivery",
                "type": "wait_event",
                "event": "Order Delivered",
                "timeout": "P14D",
                "then": [
                    {"id": "unpack", "type": "wait", "for": "P1D", "window": DAYTIME},
                    {
                        "id": "tips",
                        "type": "send",
                        "channel": "sms",
                        "fallback": ["email"],
                        "template": "usage-tips",
                        "topic": "after_sales",
                    },
                ],
                "else": [
                    {
                        "id": "apologise",
                        "type": "send",
                        "channel": "sms",
                        "fallback": ["email"],
                        "template": "delivery-late",
                        "topic": "order_updates",
                    },
                    {
                        "id": "trace",
                        "type": "task",
                        "title": "Trace the parcel: two weeks without delivery",
                        "assign": "owner",
                        "due": "P1D",
                    },
                ],
            },
        ],
    },
)

REVIEW_REQUEST = FlowPreset(
    "review-request",
    "Review request",
    "ขอรีวิว",
    "Asks for a review a week after delivery, thanks for it, reminds once; never while a complaint is open.",
    "ขอรีวิวเมื่อลูกค้าได้ใช้สินค้าแล้ว ขอบคุณเมื่อได้รับ และเตือนหนึ่งครั้ง ไม่ส่งระหว่างที่มีเรื่องร้องเรียนค้างอยู่",
    {
        "trigger": {"event": "Order Delivered"},
        "reentry": {"policy": "cooldown", "cooldown": "P30D", "key": "properties.order_id"},
        "exits": [{"event": "Order Refunded"}, {"rule": {"ticket": {"open": True, "kind": "after_sales"}}}],
        "goal": {"event": "Product Reviewed", "within": "P30D"},
        "holdout": 10,
        "steps": [
            {"id": "settle", "type": "wait", "for": "P7D", "window": WORKDAYS},
            {
                "id": "ask",
                "type": "send",
                "channel": "sms",
                "fallback": ["email"],
                "template": "review-request",
                "topic": "after_sales",
                "expires_after": "PT24H",
            },
            {
                "id": "answer",
                "type": "wait_event",
                "event": "Product Reviewed",
                "timeout": "P5D",
                "then": [
                    {
                        "id": "thank",
                        "type": "send",
                        "channel": "sms",
                        "fallback": ["email"],
                        "template": "review-thanks",
                        "topic": "after_sales",
                    }
                ],
                "else": [
                    {
                        "id": "remind",
                        "type": "send",
                        "channel": "email",
                        "fallback": ["sms"],
                        "template": "review-reminder",
                        "topic": "after_sales",
                    }
                ],
            },
        ],
    },
)

WIN_BACK = FlowPreset(
    "win-back",
    "Come back",
    "ชวนกลับมาซื้อ",
    "Five weeks after a delivery, invites to buy again: regulars are reminded, first-time buyers get an offer.",
    "ห้าสัปดาห์หลังได้รับของ ชวนกลับมาซื้อ ลูกค้าประจำได้รับคำเตือน ผู้ซื้อครั้งแรกได้รับข้อเสนอ",
    {
        "trigger": {"event": "Order Delivered"},
        "reentry": {"policy": "after_exit"},
        "goal": {"event": "Order Completed", "within": "P60D"},
        "steps": [
            {"id": "use", "type": "wait", "for": "P35D", "window": DAYTIME},
            {
                "id": "who",
                "type": "branch",
                "paths": [
                    {
                        "name": "regulars",
                        "if": {"purchases": {"count": {"gte": 2}}},
                        "steps": [
                            {
                                "id": "refill",
                                "type": "send",
                                "channel": "sms",
                                "fallback": ["email"],
                                "template": "refill-reminder",
                                "topic": "promotions",
                                "over_cap": "hold",
                                "expires_after": "P3D",
                            }
                        ],
                    }
                ],
                "else": [
                    {
                        "id": "offer",
                        "type": "send",
                        "channel": "sms",
                        "fallback": ["email"],
                        "template": "win-back",
                        "topic": "promotions",
                        "over_cap": "hold",
                        "expires_after": "P3D",
                    }
                ],
            },
            {
                "id": "answer",
                "type": "wait_event",
                "event": "Page Viewed",
                "timeout": "P14D",
                "then": [{"id": "interested", "type": "tag", "add": ["came back to look"]}],
                "else": [{"id": "note", "type": "set", "attributes": {"win_back": "no answer"}}],
            },
        ],
    },
)

PRESETS = (WELCOME, ENQUIRY_FOLLOW_UP, ABANDONED_CART, THANK_YOU, REVIEW_REQUEST, WIN_BACK)


@transaction.atomic
def install_flows(*, now: datetime, publish: bool = False) -> list[Flow]:
    """
    Store the six as drafts, and publish them if asked; flows that exist already are left as they are.

    Raises:
        InvalidDefinition: published without the templates of messaging.presets.
    """
    known = set(Flow.objects.values_list("slug", flat=True))
    flows = [
        versions.create_flow(
            slug=preset.slug, name=preset.name, name_th=preset.name_th, description=preset.description,
            definition=preset.definition, now=now,
        )
        for preset in PRESETS
        if preset.slug not in known
    ]  # fmt: skip
    if publish:
        for flow in flows:
            versions.publish(flow, actor=None, now=now)
    return flows
