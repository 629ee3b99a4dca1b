"""Designs to start an email from: MJML that reads well at a desk and on a phone, in English and Thai."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Design:
    """A design; `texts` are (subject, MJML) by language."""

    slug: str
    name: str | Promise
    use: str | Promise
    texts: Mapping[str, tuple[str, str]]


_FRAME = """<mjml>
  <mj-head>
    <mj-preview>{preview}</mj-preview>
    <mj-attributes>
      <mj-all font-family="-apple-system, 'Segoe UI', 'Noto Sans Thai', Thonburi, sans-serif" />
      <mj-text font-size="16px" line-height="1.6" color="#1f2933" />
      <mj-button background-color="#0b6e4f" color="#ffffff" font-size="16px" border-radius="6px" padding="20px 25px" />
    </mj-attributes>
  </mj-head>
  <mj-body background-color="#f4f5f3">
    <mj-section background-color="#ffffff" padding="24px 0 8px">
      <mj-column>
        <mj-text font-size="20px" font-weight="700" color="#0b6e4f">{{{{ shop.name }}}}</mj-text>
      </mj-column>
    </mj-section>
{sections}
    <mj-section padding="16px 0">
      <mj-column>
        <mj-text font-size="13px" color="#616e7c" align="center">{{{{ shop.name }}}}<br />
          <a href="{{{{ links.preferences }}}}" style="color:#616e7c">{settings}</a></mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""
_WORDS = """    <mj-section background-color="#ffffff" padding="0 0 24px">
      <mj-column>
        <mj-text>{words}</mj-text>
        <mj-button href="{url}">{button}</mj-button>
      </mj-column>
    </mj-section>"""
_LIST = """    <mj-section background-color="#ffffff" padding="0 0 24px">
      <mj-column>
        <mj-text>{words}</mj-text>
        <mj-table font-size="16px">
          <tr style="text-align:left;border-bottom:1px solid #cbd2d9"><th style="padding:8px 0">{product}</th><th style="padding:8px 0;text-align:right">{number}</th></tr>
          {{% for product in event.products %}}<tr><td style="padding:8px 0">{{{{ product.name }}}}</td><td style="padding:8px 0;text-align:right">{{{{ product.quantity }}}}</td></tr>
          {{% endfor %}}
        </mj-table>
        <mj-text font-weight="700" align="right">{total} {{{{ event.total | money: event.currency }}}}</mj-text>
      </mj-column>
    </mj-section>"""  # noqa: E501 - a row of a table is one line
_PICTURE = """    <mj-section background-color="#ffffff" padding="0">
      <mj-column>
        <mj-image src="https://shop.example/picture.jpg" alt="{alt}" padding="0" />
      </mj-column>
    </mj-section>
"""
_NAME = {
    "en": "Hello {{ customer.first_name | default: 'there' }},",
    "th": "สวัสดีคุณ{{ customer.first_name | default: 'ลูกค้า' }}",
}
_SETTINGS = {"en": "Which messages you get", "th": "ตั้งค่าการรับข้อความ"}


def _mail(language: str, preview: str, sections: str) -> str:
    return _FRAME.format(preview=preview, sections=sections, settings=_SETTINGS[language])


def _note(language: str, preview: str, words: str, button: str) -> str:
    said = f"{_NAME[language]}<br /><br />{words}"
    return _mail(language, preview, _WORDS.format(words=said, url="https://shop.example/", button=button))


def _news(language: str, preview: str, words: str, button: str, alt: str) -> str:
    said = _WORDS.format(words=words, url="https://shop.example/", button=button)
    return _mail(language, preview, _PICTURE.format(alt=alt) + said)


def _order(language: str, preview: str, words: str, product: str, number: str, total: str) -> str:
    said = f"{_NAME[language]}<br /><br />{words}"
    return _mail(language, preview, _LIST.format(words=said, product=product, number=number, total=total))


DESIGNS = (
    Design(
        "note", _("A short letter"), _("One thing to say, and one button."),
        {
            "en": ("A word from {{ shop.name }}", _note(
                "en", "One thing we wanted to tell you", "Say here what it is about, in two or three sentences.",
                "Have a look",
            )),
            "th": ("ข่าวจาก {{ shop.name }}", _note(
                "th", "มีเรื่องอยากบอกคุณ", "เขียนเรื่องที่อยากบอกตรงนี้ สองถึงสามประโยค", "ดูเลย",
            )),
        },
    ),
    Design(
        "news", _("News with a picture"), _("Something new in the shop. Put your own picture's address in."),
        {
            "en": ("New at {{ shop.name }}", _news(
                "en", "New in the shop", "<h2>Something new</h2><p>What it is, and whom it is for.</p>",
                "To the shop", "What the picture shows",
            )),
            "th": ("ของใหม่จาก {{ shop.name }}", _news(
                "th", "ของใหม่มาแล้ว", "<h2>ของใหม่มาแล้ว</h2><p>คืออะไร และเหมาะกับใคร</p>", "ไปที่ร้าน",
                "คำบรรยายภาพ",
            )),
        },
    ),
    Design(
        "order", _("What was ordered"), _("The products of the order that started a flow, and the total."),
        {
            "en": ("Your order {{ event.order_id }}", _order(
                "en", "Thank you for your order", "Thank you for order {{ event.order_id }}. This is what is coming:",
                "Product", "Number", "Total",
            )),
            "th": ("คำสั่งซื้อ {{ event.order_id }} ของคุณ", _order(
                "th", "ขอบคุณสำหรับคำสั่งซื้อ", "ขอบคุณสำหรับคำสั่งซื้อ {{ event.order_id }} รายการสินค้าของคุณ",
                "สินค้า", "จำนวน", "รวม",
            )),
        },
    ),
)  # fmt: skip


def design(slug: str) -> Design | None:
    return next((found for found in DESIGNS if found.slug == slug), None)
