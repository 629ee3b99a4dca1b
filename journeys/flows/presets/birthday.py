"""A good wish on the day."""

from journeys.flows.presets.base import FlowPreset, message

BIRTHDAY = FlowPreset(
    "birthday",
    "Birthday",
    "วันเกิด",
    "A good wish at nine in the morning of each birthday, on the customer's own clock.",
    "อวยพรวันเกิดตอนเก้าโมงเช้าตามเวลาของลูกค้าทุกปี",
    {
        "trigger": {"date": {"attribute": "birthday", "at": "09:00"}},
        "steps": [message("wish", "birthday", about="brand_news", expires_after="PT10H")],
    },
)
