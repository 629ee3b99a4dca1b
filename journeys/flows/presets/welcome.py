"""Whoever came through a touchpoint is greeted."""

from journeys.flows.presets.base import DAYTIME, FlowPreset, message

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
            message("greet", "welcome", about="brand_news"),
        ],
    },
)
