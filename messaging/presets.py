"""The texts that come with the product: what the six preset flows send, in English and Thai, by SMS and email."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from crm.models import Channel
from messaging.models import Template
from messaging.outbox.authoring import VariantIn, save_template

_HI = "{{ customer.first_name | default: 'there' }}"
_HI_TH = "คุณ{{ customer.first_name | default: 'ลูกค้า' }}"
_ORDER = "{{ event.order_id | default: '' }}"


@dataclass(frozen=True, slots=True)
class TextPreset:
    """One text, by language; the same words go by SMS, and by email under a subject."""

    slug: str
    name: str
    texts: Mapping[str, str]
    subjects: Mapping[str, str] = field(default_factory=dict)


PRESETS = (
    TextPreset(
        "welcome",
        "Welcome",
        {
            "en": f"Hello {_HI}, welcome to {{{{ shop.name }}}}. Reply to this message and a person will answer. "
            "{{ shop.url }}",
            "th": f"สวัสดี{_HI_TH} ยินดีต้อนรับสู่ {{{{ shop.name }}}} ตอบกลับข้อความนี้ได้เลย เราพร้อมช่วย {{{{ shop.url }}}}",
        },
        {"en": "Welcome to {{ shop.name }}", "th": "ยินดีต้อนรับสู่ {{ shop.name }}"},
    ),
    TextPreset(
        "enquiry-follow-up",
        "Enquiry follow-up",
        {
            "en": f"Hello {_HI}, did our answer help? Reply here if anything is still open. {{{{ shop.name }}}}",
            "th": f"สวัสดี{_HI_TH} คำตอบของเราช่วยได้ไหม หากยังสงสัยตอบกลับข้อความนี้ได้เลย {{{{ shop.name }}}}",
        },
        {"en": "Did our answer help?", "th": "คำตอบของเราช่วยได้ไหม"},
    ),
    TextPreset(
        "abandoned-cart",
        "Abandoned cart",
        {
            "en": f"Hello {_HI}, your cart is still here, and so are we if you have a question: {{{{ shop.url }}}}",
            "th": f"สวัสดี{_HI_TH} สินค้าในตะกร้ายังรอคุณอยู่ มีคำถามสอบถามเราได้ {{{{ shop.url }}}}",
        },
        {"en": "You left something in your cart", "th": "คุณยังมีสินค้าในตะกร้า"},
    ),
    TextPreset(
        "order-thanks",
        "Thank you for the order",
        {
            "en": f"Thank you, {_HI}! We have your order {_ORDER}"
            "{% if event.promised_at %} and it should be with you by "
            "{{ event.promised_at | date: '%-d %B' }}{% endif %}. {{ shop.name }}",
            "th": f"ขอบคุณ{_HI_TH} เราได้รับคำสั่งซื้อ {_ORDER} แล้ว"
            "{% if event.promised_at %} คาดว่าถึงคุณภายใน {{ event.promised_at | date: '%-d %B' }}{% endif %} "
            "{{ shop.name }}",
        },
        {"en": f"Your order {_ORDER}", "th": f"คำสั่งซื้อ {_ORDER} ของคุณ"},
    ),
    TextPreset(
        "usage-tips",
        "Usage tips",
        {
            "en": f"Hello {_HI}, your order {_ORDER} has arrived. Need help getting started? Reply here and we will "
            "help. {{ shop.name }}",
            "th": f"สวัสดี{_HI_TH} คำสั่งซื้อ {_ORDER} ถึงแล้ว ต้องการคำแนะนำการใช้งานไหม ตอบกลับได้เลย {{{{ shop.name }}}}",
        },
        {"en": "Getting the most out of your order", "th": "ใช้สินค้าให้คุ้มที่สุด"},
    ),
    TextPreset(
        "delivery-late",
        "Late delivery",
        {
            "en": f"{_HI}, your order {_ORDER} is taking longer than it should, and we are sorry. We are tracing it "
            "and will tell you what we find. {{ shop.name }}",
            "th": f"{_HI_TH} คำสั่งซื้อ {_ORDER} ล่าช้ากว่ากำหนด เราขออภัยเป็นอย่างยิ่ง กำลังติดตามพัสดุและจะแจ้งผลให้ทราบ "
            "{{ shop.name }}",
        },
        {"en": f"Your order {_ORDER} is late: we are sorry", "th": f"ขออภัย คำสั่งซื้อ {_ORDER} ล่าช้า"},
    ),
    TextPreset(
        "review-request",
        "Review request",
        {
            "en": f"Hello {_HI}, how do you like order {_ORDER}? Your review helps others to choose: {{{{ shop.url }}}}",
            "th": f"สวัสดี{_HI_TH} คำสั่งซื้อ {_ORDER} เป็นอย่างไรบ้าง รีวิวของคุณช่วยคนอื่นตัดสินใจได้ {{{{ shop.url }}}}",
        },
        {"en": "How do you like it?", "th": "สินค้าเป็นอย่างไรบ้าง"},
    ),
    TextPreset(
        "review-thanks",
        "Thank you for the review",
        {
            "en": f"Thank you for your review, {_HI}. We have read it. {{{{ shop.name }}}}",
            "th": f"ขอบคุณสำหรับรีวิว{_HI_TH} เราอ่านแล้ว {{{{ shop.name }}}}",
        },
        {"en": "Thank you for your review", "th": "ขอบคุณสำหรับรีวิว"},
    ),
    TextPreset(
        "review-reminder",
        "Review reminder",
        {
            "en": f"Hello {_HI}, one line about order {_ORDER} would help us and others a lot: {{{{ shop.url }}}}",
            "th": f"สวัสดี{_HI_TH} รีวิวสั้นๆ เรื่องคำสั่งซื้อ {_ORDER} ช่วยเราและคนอื่นได้มาก {{{{ shop.url }}}}",
        },
        {"en": "A line from you?", "th": "ขอรีวิวสั้นๆ จากคุณ"},
    ),
    TextPreset(
        "refill-reminder",
        "Time to refill",
        {
            "en": f"Hello {_HI}, is it time for more? Order again at {{{{ shop.url }}}}. {{{{ shop.name }}}}",
            "th": f"สวัสดี{_HI_TH} ของใกล้หมดหรือยัง สั่งซื้ออีกครั้งได้ที่ {{{{ shop.url }}}} {{{{ shop.name }}}}",
        },
        {"en": "Time for more?", "th": "ของใกล้หมดหรือยัง"},
    ),
    TextPreset(
        "win-back",
        "Come back",
        {
            "en": f"Hello {_HI}, we would love to see you again. This week's offers for you: {{{{ shop.url }}}}",
            "th": f"สวัสดี{_HI_TH} คิดถึงนะคะ ข้อเสนอพิเศษประจำสัปดาห์สำหรับคุณ {{{{ shop.url }}}}",
        },
        {"en": "We would love to see you again", "th": "คิดถึงคุณ"},
    ),
)


def install_templates(*, now: datetime) -> int:
    """Publish the preset texts that the shop does not have yet; return how many. What staff changed is left alone."""
    known = set(Template.objects.values_list("slug", "channel"))
    missing = [
        (preset, channel)
        for preset in PRESETS
        for channel in (Channel.SMS, Channel.EMAIL)
        if (preset.slug, channel) not in known
    ]
    for preset, channel in missing:
        variants = {
            language: VariantIn(text, subject=preset.subjects[language] if channel == Channel.EMAIL else "")
            for language, text in preset.texts.items()
        }
        save_template(slug=preset.slug, channel=channel, name=preset.name, variants=variants, now=now)
    return len(missing)
