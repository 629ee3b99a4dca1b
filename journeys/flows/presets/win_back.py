"""Some weeks after a delivery, an invitation to come back."""

from journeys.flows.presets.base import DAYTIME, FlowPreset, offer

WIN_BACK = FlowPreset(
    "win-back",
    "Come back",
    "ชวนกลับมาซื้อ",
    "Five weeks after a delivery, invites to buy again: regulars are reminded, first-time buyers get an offer.",
    "ห้าสัปดาห์หลังได้รับของ ชวนกลับมาซื้อ ลูกค้าประจำได้รับคำเตือน ผู้ซื้อครั้งแรกได้รับข้อเสนอ",
    {
        "trigger": {"event": "Order Delivered"},
        "reentry": {"policy": "after_exit"},
        "goal": {"event": "Order Completed", "within": "P60D"},
        "steps": [
            {"id": "use", "type": "wait", "for": "P35D", "window": DAYTIME},
            {
                "id": "who",
                "type": "branch",
                "paths": [
                    {
                        "name": "regulars",
                        "if": {"purchases": {"count": {"gte": 2}}},
                        "steps": [offer("refill", "refill-reminder")],
                    }
                ],
                "else": [offer("offer", "win-back")],
            },
            {
                "id": "answer",
                "type": "wait_event",
                "event": "Page Viewed",
                "timeout": "P14D",
                "then": [{"id": "interested", "type": "tag", "add": ["came back to look"]}],
                "else": [{"id": "note", "type": "set", "attributes": {"win_back": "no answer"}}],
            },
        ],
    },
)
