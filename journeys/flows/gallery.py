"""Ready flows to begin from: the six of journeys.flows.presets, and more, by the stage they serve."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from journeys.flows import presets, trees
from journeys.flows.presets import DAYTIME, FlowPreset
from messaging import presets as texts
from messaging.presets import TextPreset

USAGE_TIPS = FlowPreset(
    "usage-tips",
    "Usage tips",
    "เคล็ดลับการใช้งาน",
    "Helps a first-time buyer to get going, looks in again two weeks later, and has a colleague call who is stuck.",
    "ช่วยผู้ซื้อครั้งแรกให้เริ่มใช้ ถามอีกครั้งหลังสองสัปดาห์ และให้ทีมโทรหาผู้ที่ติดขัด",
    {
        "trigger": {"event": "Order Delivered"},
        "audience": {"purchases": {"count": {"eq": 1}}},
        "reentry": {"policy": "once"},
        "exits": [{"event": "Order Refunded"}],
        "steps": [
            {"id": "unpack", "type": "wait", "for": "P2D", "window": DAYTIME},
            {
                "id": "first-tips",
                "type": "send",
                "channel": "sms",
                "fallback": ["email"],
                "template": "usage-tips",
                "topic": "after_sales",
            },
            {
                "id": "stuck",
                "type": "wait_event",
                "event": "Ticket Opened",
                "timeout": "P14D",
                "then": [
                    {
                        "id": "call",
                        "type": "task",
                        "title": "Call: they need help with their first order",
                        "assign": "owner",
                        "due": "P1D",
                    }
                ],
                "else": [
                    {
                        "id": "look-in",
                        "type": "send",
                        "channel": "sms",
                        "fallback": ["email"],
                        "template": "usage-check",
                        "topic": "after_sales",
                    }
                ],
            },
        ],
    },
)

REPEAT_PURCHASE = FlowPreset(
    "repeat-purchase",
    "Repeat purchase by product",
    "เตือนซื้อซ้ำตามสินค้า",
    "Reminds three days before what they bought runs out (their attribute repurchase_at), else after a month.",
    "เตือนสามวันก่อนที่สินค้าที่ซื้อจะหมด (แอตทริบิวต์ repurchase_at) หากไม่ทราบจะเตือนหลังหนึ่งเดือน",
    {
        "trigger": {"event": "Order Delivered"},
        "reentry": {"policy": "after_exit"},
        "exits": [{"event": "Order Completed"}, {"event": "Order Refunded"}],
        "goal": {"event": "Order Completed", "within": "P45D"},
        "holdout": 10,
        "steps": [
            {
                "id": "runs-out",
                "type": "wait",
                "until": {"attribute": "repurchase_at", "offset": "-P3D"},
                "window": DAYTIME,
                "missing": [{"id": "a-month", "type": "wait", "for": "P1M", "window": DAYTIME}],
                "past": [{"id": "soon", "type": "wait", "for": "P1D", "window": DAYTIME}],
            },
            {
                "id": "refill",
                "type": "send",
                "channel": "sms",
                "fallback": ["email"],
                "template": "refill-reminder",
                "topic": "promotions",
                "over_cap": "hold",
                "expires_after": "P3D",
            },
        ],
    },
)

LAPSED = FlowPreset(
    "lapsed",
    "Win back the lapsed",
    "ชวนลูกค้าที่หายไปกลับมา",
    "Begins when somebody's health turns to lapsed: two offers to compare, and a call to those worth one.",
    "เริ่มเมื่อลูกค้าขาดการติดต่อ มีข้อเสนอสองแบบให้เปรียบเทียบ และให้ทีมโทรหาลูกค้าที่ควรค่าแก่การโทร",
    {
        "trigger": {
            "event": "Health Changed",
            "where": [
                {"property": "journey", "op": "eq", "value": "five-stage"},
                {"property": "to", "op": "eq", "value": "lapsed"},
            ],
        },
        "audience": {"purchases": {"count": {"gte": 1}}},
        "reentry": {"policy": "cooldown", "cooldown": "P180D"},
        "exits": [{"event": "Order Completed"}],
        "goal": {"event": "Order Completed", "within": "P60D"},
        "holdout": 10,
        "steps": [
            {"id": "morning", "type": "wait", "for": "PT0S", "window": DAYTIME},
            {
                "id": "which",
                "type": "split",
                "paths": [
                    {
                        "name": "news",
                        "weight": 1,
                        "steps": [
                            {
                                "id": "news",
                                "type": "send",
                                "channel": "sms",
                                "fallback": ["email"],
                                "template": "what-is-new",
                                "topic": "promotions",
                                "over_cap": "hold",
                                "expires_after": "P3D",
                            }
                        ],
                    },
                    {
                        "name": "offer",
                        "weight": 1,
                        "steps": [
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
                ],
            },
            {"id": "give-time", "type": "wait", "for": "P14D"},
            {
                "id": "worth-a-call",
                "type": "branch",
                "paths": [
                    {
                        "name": "regulars",
                        "if": {"purchases": {"count": {"gte": 3}}},
                        "steps": [
                            {
                                "id": "call",
                                "type": "task",
                                "title": "Call a regular who has gone quiet",
                                "assign": "owner",
                                "due": "P3D",
                            }
                        ],
                    }
                ],
                "else": [],
            },
        ],
    },
)

REFERRAL = FlowPreset(
    "referral-invitation",
    "Referral invitation",
    "ชวนแนะนำเพื่อน",
    "Invites whoever has become an advocate to bring a friend; the goal is that the friend buys.",
    "ชวนผู้ที่กลายเป็นผู้บอกต่อให้พาเพื่อนมา เป้าหมายคือเพื่อนได้สั่งซื้อ",
    {
        "trigger": {"stage": {"journey": "five-stage", "stage": "advocacy"}},
        "reentry": {"policy": "once"},
        "exits": [{"rule": {"ticket": {"open": True, "kind": "after_sales"}}}],
        "goal": {"event": "Referral Converted", "within": "P90D"},
        "steps": [
            {"id": "settle", "type": "wait", "for": "P1D", "window": DAYTIME},
            {
                "id": "invite",
                "type": "send",
                "channel": "sms",
                "fallback": ["email"],
                "template": "referral-invitation",
                "topic": "promotions",
                "over_cap": "hold",
                "expires_after": "P3D",
            },
            {"id": "mark", "type": "tag", "add": ["invited to refer"]},
        ],
    },
)

BIRTHDAY = FlowPreset(
    "birthday",
    "Birthday",
    "วันเกิด",
    "A good wish at nine in the morning of each birthday, on the customer's own clock.",
    "อวยพรวันเกิดตอนเก้าโมงเช้าตามเวลาของลูกค้าทุกปี",
    {
        "trigger": {"date": {"attribute": "birthday", "at": "09:00"}},
        "steps": [
            {
                "id": "wish",
                "type": "send",
                "channel": "sms",
                "fallback": ["email"],
                "template": "birthday",
                "topic": "brand_news",
                "expires_after": "PT10H",
            }
        ],
    },
)

BY_STAGE: Sequence[tuple[str | Promise, Sequence[FlowPreset]]] = (
    (_("Getting to know us"), (presets.WELCOME, presets.ENQUIRY_FOLLOW_UP)),
    (_("Buying"), (presets.ABANDONED_CART, presets.THANK_YOU)),
    (_("Using"), (USAGE_TIPS, presets.REVIEW_REQUEST)),
    (_("Coming back"), (REPEAT_PURCHASE, presets.WIN_BACK, LAPSED, BIRTHDAY)),
    (_("Telling others"), (REFERRAL,)),
)
ALL = tuple(preset for _stage, found in BY_STAGE for preset in found)

TEXTS = (
    TextPreset(
        "usage-check",
        "Usage check",
        {
            "en": "Hello {{ customer.first_name | default: 'there' }}, two weeks in: is everything as you hoped? "
            "Reply here if we can help. {{ shop.name }}",
            "th": "สวัสดีคุณ{{ customer.first_name | default: 'ลูกค้า' }} ใช้งานมาสองสัปดาห์แล้ว เป็นอย่างที่หวังไหม "
            "ให้เราช่วยอะไรตอบกลับได้เลย {{ shop.name }}",
        },
        {"en": "Is everything as you hoped?", "th": "ใช้งานเป็นอย่างไรบ้าง"},
    ),
    TextPreset(
        "what-is-new",
        "What is new",
        {
            "en": "Hello {{ customer.first_name | default: 'there' }}, much is new since your last visit. Reply and we "
            "will tell you what suits you. {{ shop.name }}",
            "th": "สวัสดีคุณ{{ customer.first_name | default: 'ลูกค้า' }} มีของใหม่หลายอย่างตั้งแต่คุณมาครั้งก่อน "
            "ตอบกลับแล้วเราจะแนะนำสิ่งที่เหมาะกับคุณ {{ shop.name }}",
        },
        {"en": "New since your last visit", "th": "มีของใหม่ตั้งแต่คุณมาครั้งก่อน"},
    ),
    TextPreset(
        "referral-invitation",
        "Referral invitation",
        {
            "en": "Thank you for speaking well of us, {{ customer.first_name | default: 'there' }}! Know somebody who "
            "would like {{ shop.name }} too? Reply with their first name and we send you an invitation to pass on.",
            "th": "ขอบคุณที่บอกต่อ คุณ{{ customer.first_name | default: 'ลูกค้า' }} มีเพื่อนที่น่าจะชอบ "
            "{{ shop.name }} ไหม ตอบกลับด้วยชื่อเพื่อน แล้วเราจะส่งคำเชิญให้คุณส่งต่อ",
        },
        {"en": "Bring a friend", "th": "ชวนเพื่อนมาด้วยกัน"},
    ),
    TextPreset(
        "birthday",
        "Birthday",
        {
            "en": "Happy birthday, {{ customer.first_name | default: 'dear customer' }}! All good wishes for the year "
            "ahead from {{ shop.name }}.",
            "th": "สุขสันต์วันเกิดคุณ{{ customer.first_name | default: 'ลูกค้า' }} ขอให้เป็นปีที่ดี จากพวกเรา {{ shop.name }}",
        },
        {"en": "Happy birthday from {{ shop.name }}", "th": "สุขสันต์วันเกิดจาก {{ shop.name }}"},
    ),
)


def install_texts(preset: FlowPreset, *, now: datetime) -> int:
    """Publish the texts that `preset` sends and the shop does not have; return how many."""
    sent = {step.get("template") for step in trees.walk(preset.definition)}
    wanted = [text for text in (*texts.PRESETS, *TEXTS) if text.slug in sent]
    return texts.install_templates(now=now, presets=wanted)
