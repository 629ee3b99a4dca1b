"""Six hundred people who do not exist."""

from __future__ import annotations

from random import Random

from config.replay.history import Person

_THAI_FIRST = ["สมชาย", "สมหญิง", "มาลี", "อนุชา", "กมล", "ปิยะ", "วิภา", "ธนา", "สุดา", "นภา", "ชัยวัฒน์", "พิมพ์ใจ", "อรทัย", "ณัฐพล", "ศิริพร", "วรรณา", "ประเสริฐ", "จันทร์เพ็ญ", "กิตติ", "รัตนา", "ภูมิ", "เบญจมาศ", "ธีรพงศ์", "ดวงใจ", "อาทิตย์", "ปรียา", "สุรชัย", "มนัส", "ชลธิชา", "ไพลิน", "ก้องภพ", "อารี"]  # fmt: skip
_THAI_LAST = ["ใจดี", "ศรีสุข", "วงศ์ใหญ่", "แก้วมณี", "ทองคำ", "บุญมี", "รักไทย", "พันธุ์ดี", "สายทอง", "จันทร์แจ่ม", "อินทร์แก้ว", "มั่นคง", "ศิริวัฒน์", "พรหมมา", "คำแสน", "ยอดรัก", "เพชรงาม", "ชัยมงคล", "สุวรรณ", "บัวหลวง"]  # fmt: skip
_ROMAN = {
    "สมชาย": "somchai", "สมหญิง": "somying", "มาลี": "malee", "อนุชา": "anucha", "กมล": "kamon", "ปิยะ": "piya",
    "วิภา": "wipa", "ธนา": "thana", "สุดา": "suda", "นภา": "napha",
}  # fmt: skip
_ENGLISH_FIRST = ["Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Harry", "Isla", "Jack", "Kate", "Liam", "Mia", "Noah", "Olivia", "Peter", "Quinn", "Ruby", "Sam", "Tara", "Una", "Victor", "Wendy", "Zoe", "Maria", "Lucas", "Nina", "Oscar"]  # fmt: skip
_ENGLISH_LAST = ["Baker", "Carter", "Dawson", "Evans", "Fischer", "Green", "Hughes", "Irwin", "Jones", "Keller", "Lambert", "Moore", "Novak", "Owens", "Parker", "Reed", "Schmidt", "Taylor", "Walsh", "Young"]  # fmt: skip


def made_up(random: Random, number: int) -> Person:
    """The `number`th person: two in three Thai, nearly all with a phone, most with an email."""
    if random.random() < 0.66:
        first, last = random.choice(_THAI_FIRST), random.choice(_THAI_LAST)
        language, zone, mailbox = "th", "Asia/Bangkok", _ROMAN.get(first, "customer")
    else:
        first, last = random.choice(_ENGLISH_FIRST), random.choice(_ENGLISH_LAST)
        language, mailbox = "en", f"{first}.{last}".lower()
        zone = random.choices(
            ("Asia/Bangkok", "Europe/London", "America/New_York", "Australia/Sydney"), (80, 10, 5, 5)
        )[0]
    return Person(
        key=f"member-{number:04}",
        name=f"{first} {last}",
        email=f"{mailbox}{number}@mail.example" if random.random() < 0.82 else "",
        phone=f"+6681{2_000_000 + 3571 * number:07}" if random.random() < 0.94 else "",
        language=language,
        time_zone=zone,
        attributes={"city": random.choice(("Bangkok", "Chiang Mai", "Chiang Mai", "Khon Kaen", "Phuket", "Hat Yai"))},
    )
