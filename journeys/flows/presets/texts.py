"""What ready flows say, besides the templates that every shop starts with."""

from __future__ import annotations

from datetime import datetime

from journeys.flows import trees
from journeys.flows.presets.base import FlowPreset
from messaging import presets as texts
from messaging.presets import TextPreset

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
