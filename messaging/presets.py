"""The texts that come with the product: what the six preset flows send, in English and Thai, by SMS and email."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from crm.models import Channel
from messaging.models import Template
from messaging.outbox.authoring import VariantIn, save_template


@dataclass(frozen=True, slots=True)
class TextPreset:
    """One text, by language; the same words go by SMS, and by email under a subject."""

    slug: str
    name: str
    texts: Mapping[str, str]
    subjects: Mapping[str, str]


PRESETS = (
    TextPreset(
        "welcome",
        "Welcome",
        {
            "en": "Hello {{ customer.first_name | default: 'there' }}, welcome to {{ shop.name }}. Reply to this "
            "message and a person will answer.",
            "th": "สวัสดีคุณ{{ customer.first_name | default: 'ลูกค้า' }} ยินดีต้อนรับสู่ {{ shop.name }} "
            "ตอบกลับข้อความนี้ได้เลย เราพร้อมช่วย",
        },
        {"en": "Welcome to {{ shop.name }}", "th": "ยินดีต้อนรับสู่ {{ shop.name }}"},
    ),
    TextPreset(
        "enquiry-follow-up",
        "Enquiry follow-up",
        {
            "en": "Hello {{ customer.first_name | default: 'there' }}, did our answer help? Reply here if anything "
            "is still open. {{ shop.name }}",
            "th": "สวัสดีคุณ{{ customer.first_name | default: 'ลูกค้า' }} คำตอบของเราช่วยได้ไหม "
            "หากยังสงสัยตอบกลับข้อความนี้ได้เลย {{ shop.name }}",
        },
        {"en": "Did our answer help?", "th": "คำตอบของเราช่วยได้ไหม"},
    ),
    TextPreset(
        "abandoned-cart",
        "Abandoned cart",
        {
            "en": "Hello {{ customer.first_name | default: 'there' }}, your cart is still here, and so are we if "
            "you have a question: just reply. {{ shop.name }}",
            "th": "สวัสดีคุณ{{ customer.first_name | default: 'ลูกค้า' }} สินค้าในตะกร้ายังรอคุณอยู่ "
            "มีคำถามตอบกลับข้อความนี้ได้เลย {{ shop.name }}",
        },
        {"en": "You left something in your cart", "th": "คุณยังมีสินค้าในตะกร้า"},
    ),
    TextPreset(
        "order-thanks",
        "Thank you for the order",
        {
            "en": "Thank you, {{ customer.first_name | default: 'there' }}! We have your "
            "order{% if event.order_id %} {{ event.order_id }}{% endif %}{% if event.promised_at %} and it "
            "should be with you by {{ event.promised_at | date: '%-d %B' }}{% endif %}. {{ shop.name }}",
            "th": "ขอบคุณคุณ{{ customer.first_name | default: 'ลูกค้า' }} "
            "เราได้รับคำสั่งซื้อ{% if event.order_id %} {{ event.order_id }}{% endif %} "
            "แล้ว{% if event.promised_at %} คาดว่าถึงคุณภายใน "
            "{{ event.promised_at | date: '%-d %B' }}{% endif %} {{ shop.name }}",
        },
        {
            "en": "Your order{% if event.order_id %} {{ event.order_id }}{% endif %}",
            "th": "คำสั่งซื้อ{% if event.order_id %} {{ event.order_id }}{% endif %} ของคุณ",
        },
    ),
    TextPreset(
        "usage-tips",
        "Usage tips",
        {
            "en": "Hello {{ customer.first_name | default: 'there' }}, your order{% if event.order_id %} "
            "{{ event.order_id }}{% endif %} has arrived. Need help getting started? Reply here and we will "
            "help. {{ shop.name }}",
            "th": "สวัสดีคุณ{{ customer.first_name | default: 'ลูกค้า' }} คำสั่งซื้อ{% if event.order_id %} "
            "{{ event.order_id }}{% endif %} ถึงแล้ว ต้องการคำแนะนำการใช้งานไหม ตอบกลับได้เลย {{ shop.name }}",
        },
        {"en": "Getting the most out of your order", "th": "ใช้สินค้าให้คุ้มที่สุด"},
    ),
    TextPreset(
        "delivery-late",
        "Late delivery",
        {
            "en": "Hello {{ customer.first_name | default: 'there' }}, your order{% if event.order_id %} "
            "{{ event.order_id }}{% endif %} is taking longer than it should, and we are sorry. We are "
            "tracing it and will tell you what we find. {{ shop.name }}",
            "th": "สวัสดีคุณ{{ customer.first_name | default: 'ลูกค้า' }} คำสั่งซื้อ{% if event.order_id %} "
            "{{ event.order_id }}{% endif %} ล่าช้ากว่ากำหนด เราขออภัยเป็นอย่างยิ่ง "
            "กำลังติดตามพัสดุและจะแจ้งผลให้ทราบ {{ shop.name }}",
        },
        {
            "en": "Your order{% if event.order_id %} {{ event.order_id }}{% endif %} is late: we are sorry",
            "th": "ขออภัย คำสั่งซื้อ{% if event.order_id %} {{ event.order_id }}{% endif %} ล่าช้า",
        },
    ),
    TextPreset(
        "review-request",
        "Review request",
        {
            "en": "Hello {{ customer.first_name | default: 'there' }}, how do you like your "
            "order{% if event.order_id %} {{ event.order_id }}{% endif %}? Your review helps others to "
            "choose. {{ shop.name }}",
            "th": "สวัสดีคุณ{{ customer.first_name | default: 'ลูกค้า' }} คำสั่งซื้อ{% if event.order_id %} "
            "{{ event.order_id }}{% endif %} เป็นอย่างไรบ้าง รีวิวของคุณช่วยคนอื่นตัดสินใจได้ {{ shop.name }}",
        },
        {"en": "How do you like it?", "th": "สินค้าเป็นอย่างไรบ้าง"},
    ),
    TextPreset(
        "review-thanks",
        "Thank you for the review",
        {
            "en": "Thank you for your review, {{ customer.first_name | default: 'there' }}. We have read it. "
            "{{ shop.name }}",
            "th": "ขอบคุณสำหรับรีวิวคุณ{{ customer.first_name | default: 'ลูกค้า' }} เราอ่านแล้ว {{ shop.name }}",
        },
        {"en": "Thank you for your review", "th": "ขอบคุณสำหรับรีวิว"},
    ),
    TextPreset(
        "review-reminder",
        "Review reminder",
        {
            "en": "Hello {{ customer.first_name | default: 'there' }}, one line about your "
            "order{% if event.order_id %} {{ event.order_id }}{% endif %} would help us and "
            "others a lot. {{ shop.name }}",
            "th": "สวัสดีคุณ{{ customer.first_name | default: 'ลูกค้า' }} รีวิวสั้นๆ "
            "เรื่องคำสั่งซื้อ{% if event.order_id %} {{ event.order_id }}{% endif %} ช่วยเราและคนอื่นได้มาก "
            "{{ shop.name }}",
        },
        {"en": "A line from you?", "th": "ขอรีวิวสั้นๆ จากคุณ"},
    ),
    TextPreset(
        "refill-reminder",
        "Time to refill",
        {
            "en": "Hello {{ customer.first_name | default: 'there' }}, is it time for more? Reply and we will set "
            "it aside for you. {{ shop.name }}",
            "th": "สวัสดีคุณ{{ customer.first_name | default: 'ลูกค้า' }} ของใกล้หมดหรือยัง "
            "ตอบกลับแล้วเราจะเตรียมไว้ให้ {{ shop.name }}",
        },
        {"en": "Time for more?", "th": "ของใกล้หมดหรือยัง"},
    ),
    TextPreset(
        "win-back",
        "Come back",
        {
            "en": "Hello {{ customer.first_name | default: 'there' }}, we would love to see you again, and this "
            "week has an offer for you. Reply and we will tell you more. {{ shop.name }}",
            "th": "สวัสดีคุณ{{ customer.first_name | default: 'ลูกค้า' }} เราคิดถึงคุณ "
            "สัปดาห์นี้มีข้อเสนอพิเศษสำหรับคุณ ตอบกลับเพื่อรับรายละเอียด {{ shop.name }}",
        },
        {"en": "We would love to see you again", "th": "คิดถึงคุณ"},
    ),
)


def install_templates(*, now: datetime, presets: Sequence[TextPreset] = PRESETS) -> int:
    """Publish those preset texts that the shop does not have yet; return how many. What staff changed stays so."""
    known = set(Template.objects.values_list("slug", "channel"))
    missing = [
        (preset, channel)
        for preset in presets
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
