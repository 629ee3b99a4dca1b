"""The tea house: what it sells, where people meet it, who works there, what is said in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

SOURCE = "teahouse"
NAME = "Baan Cha Tea House"
SITE = "https://baancha.example"


@dataclass(frozen=True, slots=True)
class Article:
    """Something on the shelf. `baht` is the price; `lasts` how long until a buyer needs it again, None for ever."""

    sku: str
    name: str
    category: str
    baht: int
    lasts: timedelta | None
    try_for: timedelta = timedelta(days=7)


SHELF = (
    Article("OOL-100", "Doi Mae Salong oolong 100 g", "Tea", 320, timedelta(days=30)),
    Article("OOL-250", "Doi Mae Salong oolong 250 g", "Tea", 690, timedelta(days=60)),
    Article("GRN-100", "Chiang Rai green tea 100 g", "Tea", 260, timedelta(days=30)),
    Article("JAS-100", "Jasmine pearls 100 g", "Tea", 390, timedelta(days=35)),
    Article("THA-500", "Thai tea blend 500 g", "Tea", 240, timedelta(days=40)),
    Article("BFP-100", "Butterfly pea flowers 100 g", "Herbal", 180, timedelta(days=45)),
    Article("LMG-100", "Lemongrass and ginger 100 g", "Herbal", 160, timedelta(days=45)),
    Article("MAT-050", "Ceremonial matcha 50 g", "Matcha", 890, timedelta(days=30)),
    Article("WSK-001", "Bamboo whisk", "Teaware", 350, None, timedelta(days=10)),
    Article("KTL-1L0", "Pour-over kettle 1 l", "Teaware", 1290, None, timedelta(days=14)),
    Article("POT-600", "Celadon teapot 600 ml", "Teaware", 1590, None, timedelta(days=14)),
    Article("CUP-SET", "Celadon cups, set of four", "Teaware", 790, None, timedelta(days=14)),
    Article("CLD-BTL", "Cold-brew bottle 750 ml", "Teaware", 650, None, timedelta(days=10)),
    Article("GFT-BOX", "Tasting box, six teas", "Gifts", 990, timedelta(days=30)),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A touchpoint: short code, name, kind, where, and what it cost in baht. `pull` is how many people it brings."""

    code: str
    name: str
    kind: str
    place: str
    campaign: str
    cost: int
    pull: int


PLACES = (
    Place("fb-songkran", "Facebook post: cold brew for hot days", "social_post", "Facebook", "cold-brew", 4_500, 26),
    Place("ig-matcha", "Instagram reel: how to whisk matcha", "social_post", "Instagram", "matcha", 3_200, 20),
    Place("search-ad", "Search advert: oolong tea", "ad", "Google", "oolong", 18_000, 18),
    Place("nimman", "Billboard on Nimman Road", "billboard", "Chiang Mai", "nimman", 42_000, 9),
    Place("market", "Flyer at the Saturday market", "flyer", "Wua Lai", "market", 2_400, 15),
    Place("tv-north", "Morning television, northern edition", "tv", "Channel 11", "tv-north", 65_000, 6),
    Place("letter", "Monthly letter", "newsletter", "", "letter", 900, 6),
)

# (username, first name, last name, role)
STAFF = (
    ("demo", "Malee", "Srisai", "admin"),
    ("nok", "Nok", "Wongsa", "manager"),
    ("ploy", "Ploy", "Chaiyo", "marketer"),
    ("somsak", "Somsak", "Intha", "sales"),
    ("fah", "Fah", "Kaewta", "support"),
    ("guest", "Guest", "Reader", "viewer"),
)

ENQUIRIES = {
    "en": (
        ("Which tea keeps me awake?", "Hello, which of your teas has the most caffeine? I work nights.", "Matcha first, then the oolong. Start with half a teaspoon."),
        ("Do you ship to Phuket?", "Do you send parcels to Phuket, and how long does it take?", "We do: two to three days, free from 800 baht."),
        ("Is the kettle for induction?", "Can I use the pour-over kettle on an induction hob?", "Yes, its base is steel. Gas works too."),
        ("Price list for a café", "I open a café next month. Is there a price list for 5 kg and more?", "I have sent you our list for cafés. Shall I call you tomorrow?"),
        ("Gift for my mother", "What would you give a mother who likes flowers?", "The jasmine pearls in the tasting box, with a card from you."),
    ),
    "th": (
        ("ชาไหนคาเฟอีนน้อย", "สวัสดีค่ะ มีชาตัวไหนที่คาเฟอีนน้อย ดื่มก่อนนอนได้บ้างคะ", "แนะนำตะไคร้ขิงหรืออัญชันค่ะ ไม่มีคาเฟอีนเลย"),
        ("ส่งต่างจังหวัดไหม", "ส่งขอนแก่นได้ไหมครับ ใช้เวลากี่วัน", "ส่งได้ครับ 2-3 วัน ซื้อครบ 800 บาทส่งฟรีครับ"),
        ("ขอราคาส่ง", "เปิดร้านกาแฟค่ะ ขอราคาส่งชาไทย 10 กิโลได้ไหมคะ", "ส่งใบเสนอราคาให้ทางอีเมลแล้วนะคะ พรุ่งนี้โทรหาได้ไหมคะ"),
        ("กาน้ำใช้กับเตาไฟฟ้าได้ไหม", "กาดริปใช้กับเตาแม่เหล็กไฟฟ้าได้ไหมครับ", "ใช้ได้ครับ ก้นเป็นสเตนเลส"),
        ("ชงมัทฉะยังไง", "เพิ่งซื้อมัทฉะ ชงยังไงไม่ให้เป็นก้อนคะ", "ร่อนผงก่อน ใส่น้ำ 80 องศาแล้วตีเป็นรูปตัว W ค่ะ"),
    ),
}  # fmt: skip

PROBLEMS = {
    "en": (
        ("A cup arrived broken", "One of the four cups was in pieces. The box itself looked fine.", True),
        ("Wrong tea in the parcel", "I ordered green tea and got jasmine.", True),
        ("The whisk sheds", "After three uses the whisk loses its tips. Is that normal?", False),
        ("Invoice for my company", "Could you write the invoice to my company, please?", False),
    ),
    "th": (
        ("แก้วแตก", "ได้รับของแล้ว แต่แก้วแตกหนึ่งใบค่ะ", True),
        ("ได้สินค้าผิด", "สั่งชาเขียว แต่ได้ชามะลิมาครับ", True),
        ("ขอใบกำกับภาษี", "รบกวนออกใบกำกับภาษีในนามบริษัทด้วยค่ะ", False),
        ("ชาเก็บได้นานไหม", "เปิดซองแล้วเก็บได้กี่เดือนคะ", False),
    ),
}

REPLIES = {
    "en": ("I am sorry about that. A new one leaves today.", "Thank you for telling us. It is on its way.", "Gladly. You have it by email."),
    "th": ("ขออภัยด้วยค่ะ ส่งชิ้นใหม่ให้วันนี้เลยนะคะ", "ขอบคุณที่แจ้งค่ะ จัดการให้แล้วนะคะ", "ได้เลยครับ ส่งให้ทางอีเมลแล้วครับ"),
}  # fmt: skip

# By rating.
REVIEWS = {
    "en": {
        5: ("Best oolong I have had outside Taiwan.", "Fast, well packed, and the tea is lovely.", "My guests ask where it is from."),
        4: ("Very good, the lid is a little loose.", "Nice tea, the bag does not close again."),
        3: ("Fine, but I expected more flavour.",),
        2: ("Came three days late.",),
        1: ("Broken on arrival and nobody answered for a day.",),
    },
    "th": {
        5: ("หอมมาก ชงได้หลายน้ำ", "ส่งไว แพ็กดีมาก", "แม่ชอบมากค่ะ จะซื้ออีก"),
        4: ("อร่อยดี แต่ซองปิดไม่สนิท", "ดีครับ ฝาหลวมนิดหน่อย"),
        3: ("เฉย ๆ กลิ่นอ่อนกว่าที่คิด",),
        2: ("ส่งช้าไปสามวัน",),
        1: ("ของแตกและตอบช้ามาก",),
    },
}  # fmt: skip

THANKS = {"en": "Thank you, that makes our day.", "th": "ขอบคุณมากค่ะ ดีใจที่ชอบนะคะ"}
SORRY = {"en": "That is not how it should be. We have written to you.", "th": "ขออภัยอย่างสูงค่ะ ทางร้านติดต่อไปแล้วนะคะ"}
NOTES = {
    "en": ("Prefers to be called in the morning.", "Buys for a café of twelve seats.", "Knows the owner of the Nimman shop."),
    "th": ("ชอบให้โทรช่วงเช้า", "ซื้อให้ร้านกาแฟที่บ้าน", "ลูกค้าประจำตั้งแต่ตลาดวันเสาร์"),
}  # fmt: skip
