"""
The two journeys every shop starts with, as data that staff then edit.

`five-stage` follows sms2pro.com's article on the customer journey, `usage-loop` that of mdpartner.com.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class RulePreset:
    name: str
    name_th: str
    events: tuple[str, ...]
    where: tuple[dict[str, Any], ...] = ()
    history: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class StagePreset:
    slug: str
    name: str
    name_th: str
    colour: int
    rules: tuple[RulePreset, ...]


@dataclass(frozen=True, slots=True)
class JourneyPreset:
    slug: str
    name: str
    name_th: str
    stages: tuple[StagePreset, ...]
    is_default: bool = field(default=False)


BECAME_KNOWN = RulePreset(
    "Became known", "เป็นที่รู้จัก",
    ("Customer Created", "Touchpoint Visited", "Lead Form Submitted", "Newsletter Signed Up"),
)  # fmt: skip
LOOKED_AROUND = RulePreset(
    "Searched, compared, asked or put something in the cart", "ค้นหา เปรียบเทียบ สอบถาม หรือหยิบใส่ตะกร้า",
    (
        "Products Searched", "Product Added", "Checkout Started", "Product Added to Wishlist",
        "Wishlist Product Added to Cart", "Review Read", "Products Compared", "Price List Requested",
    ),
)  # fmt: skip
ASKED = RulePreset(
    "Asked us something", "สอบถามเรา",
    ("Enquiry Opened",), where=({"property": "cause", "op": "not_exists"},),  # a flow that opened one is its cause
)  # fmt: skip
VIEWED_TWICE = RulePreset(
    "Viewed products twice within 7 days", "ดูสินค้า 2 ครั้งภายใน 7 วัน",
    ("Product Viewed",), history=({"at_least": 2, "within": "P7D"},),
)  # fmt: skip
ORDERED = RulePreset("Placed an order", "สั่งซื้อ", ("Order Completed",))
ORDERED_AGAIN = RulePreset(
    "Placed a second order", "สั่งซื้อครั้งที่สอง",
    ("Order Completed",), history=({"at_least": 2, "distinct": "order_id"},),
)  # fmt: skip
CAME_BACK = RulePreset(
    "Came back 14 days or more after a delivery", "กลับมาอีกหลังได้รับสินค้า 14 วันขึ้นไป",
    (
        "Page Viewed", "Screen Viewed", "Touchpoint Visited", "Products Searched", "Product List Viewed",
        "Product Viewed", "Product Added", "Cart Viewed", "Checkout Started", "Message Clicked", "Loyalty Signed Up",
    ),
    history=({"event": "Order Delivered", "ago": "P14D"},),
)  # fmt: skip
RECEIVED = RulePreset(
    "Received or registered a product", "ได้รับหรือลงทะเบียนสินค้า", ("Order Delivered", "Product Registered")
)
ORDERED_AFTER_DELIVERY = RulePreset(
    "Ordered again after an earlier order was delivered", "สั่งซื้ออีกหลังได้รับคำสั่งซื้อก่อนหน้า",
    ("Order Completed",), history=({"event": "Order Delivered", "other": "order_id"},),
)  # fmt: skip
REVIEWED_WELL = RulePreset(
    "A review of 4 stars or more was published", "รีวิว 4 ดาวขึ้นไปได้รับการเผยแพร่",
    ("Review Published",), where=({"property": "rating", "op": "gte", "value": 4},),
)  # fmt: skip
REVIEWED_ELSEWHERE = RulePreset(
    "Reviewed us on another site", "รีวิวเราบนเว็บไซต์อื่น",
    ("Product Reviewed",),
    where=({"property": "site", "op": "in", "value": ["facebook", "google", "pantip", "line", "other"]},),
)  # fmt: skip
RECOMMENDED = RulePreset(
    "Shared a product, or a friend they sent has bought", "แชร์สินค้า หรือเพื่อนที่แนะนำได้สั่งซื้อ",
    ("Product Shared", "Referral Converted"),
)  # fmt: skip
PROMOTER = RulePreset(
    "Would recommend us (NPS 9 or 10)", "ยินดีแนะนำเรา (NPS 9–10)",
    ("NPS Answered",), where=({"property": "score", "op": "gte", "value": 9},),
)  # fmt: skip

AWARENESS = StagePreset("awareness", "Awareness", "การรับรู้", 1, (BECAME_KNOWN,))

JOURNEYS = (
    JourneyPreset(
        "five-stage", "Customer journey", "เส้นทางลูกค้า",
        (
            AWARENESS,
            StagePreset("consideration", "Consideration", "การพิจารณา", 2, (LOOKED_AROUND, ASKED, VIEWED_TWICE)),
            StagePreset("purchase", "Purchase", "การซื้อ", 3, (ORDERED,)),
            StagePreset("retention", "Retention", "การใช้ซ้ำ", 4, (ORDERED_AGAIN, CAME_BACK)),
            StagePreset(
                "advocacy", "Advocacy", "การบอกต่อ", 5, (REVIEWED_WELL, REVIEWED_ELSEWHERE, RECOMMENDED, PROMOTER)
            ),
        ),
        is_default=True,
    ),
    JourneyPreset(
        "usage-loop", "Usage loop", "วงจรการใช้งาน",
        (
            AWARENESS,
            StagePreset("evaluation", "Evaluation", "การประเมิน", 2, (LOOKED_AROUND, ASKED, VIEWED_TWICE)),
            StagePreset("purchase", "Purchase", "การซื้อ", 3, (ORDERED,)),
            StagePreset("usage", "Usage", "การใช้งาน", 4, (RECEIVED,)),
            StagePreset("repurchase", "Repurchase", "การซื้อซ้ำ", 6, (ORDERED_AFTER_DELIVERY,)),
        ),
    ),
)  # fmt: skip


def install(journey_model: Any, stage_model: Any, rule_model: Any) -> None:
    """Write the presets with the given (historical) models; a journey that exists already is left as it is."""
    for journey in JOURNEYS:
        row, created = journey_model.objects.get_or_create(
            slug=journey.slug,
            defaults={"name": journey.name, "name_th": journey.name_th, "is_default": journey.is_default},
        )
        if not created:
            continue
        for rank, stage in enumerate(journey.stages, start=1):
            stage_row = stage_model.objects.create(
                journey=row, slug=stage.slug, name=stage.name, name_th=stage.name_th, rank=rank, colour=stage.colour
            )
            rule_model.objects.bulk_create(
                rule_model(
                    stage=stage_row, name=rule.name, name_th=rule.name_th, events=list(rule.events),
                    where=list(rule.where), history=list(rule.history),
                )
                for rule in stage.rules
            )  # fmt: skip
