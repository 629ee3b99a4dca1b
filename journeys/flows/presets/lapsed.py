"""Those we no longer hear of are won back."""

from journeys.flows.presets.base import DAYTIME, FlowPreset, offer

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
                        "steps": [offer("news", "what-is-new")],
                    },
                    {
                        "name": "offer",
                        "weight": 1,
                        "steps": [offer("offer", "win-back")],
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
