"""First-time buyers are helped to get going."""

from journeys.flows.presets.base import DAYTIME, FlowPreset, message

USAGE_TIPS = FlowPreset(
    "usage-tips",
    "Usage tips",
    "เคล็ดลับการใช้งาน",
    "Helps a first-time buyer to get going, looks in again two weeks later, and has a colleague call who is stuck.",
    "ช่วยผู้ซื้อครั้งแรกให้เริ่มใช้ ถามอีกครั้งหลังสองสัปดาห์ และให้ทีมโทรหาผู้ที่ติดขัด",
    {
        "trigger": {"event": "Order Delivered"},
        "audience": {"purchases": {"count": {"eq": 1}}},
        "reentry": {"policy": "once"},
        "exits": [{"event": "Order Refunded"}],
        "steps": [
            {"id": "unpack", "type": "wait", "for": "P2D", "window": DAYTIME},
            message("first-tips", "usage-tips", about="after_sales"),
            {
                "id": "stuck",
                "type": "wait_event",
                "event": "Ticket Opened",
                "timeout": "P14D",
                "then": [
                    {
                        "id": "call",
                        "type": "task",
                        "title": "Call: they need help with their first order",
                        "assign": "owner",
                        "due": "P1D",
                    }
                ],
                "else": [message("look-in", "usage-check", about="after_sales")],
            },
        ],
    },
)
