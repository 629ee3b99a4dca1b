"""An enquiry is followed up, and never forgotten."""

from journeys.flows.presets.base import WORKDAYS, FlowPreset, message

ENQUIRY_FOLLOW_UP = FlowPreset(
    "enquiry-follow-up",
    "Enquiry follow-up",
    "ติดตามหลังสอบถาม",
    "Asks whether our answer helped; an enquiry nobody has answered for a day becomes a task.",
    "ถามว่าคำตอบของเราช่วยได้ไหม หากไม่มีใครตอบคำถามภายในหนึ่งวันจะสร้างงานให้ทีม",
    {
        "trigger": {"event": "Enquiry Opened"},
        "reentry": {"policy": "always", "key": "properties.ticket"},
        "exits": [{"event": "Order Completed"}],
        "goal": {"event": "Order Completed", "within": "P14D"},
        "steps": [
            {
                "id": "answered",
                "type": "wait_event",
                "event": "Ticket Replied",
                "timeout": "P1D",
                "then": [
                    {"id": "settle", "type": "wait", "for": "P2D", "window": WORKDAYS},
                    message("helped", "enquiry-follow-up", about="after_sales"),
                ],
                "else": [
                    {
                        "id": "remind-us",
                        "type": "task",
                        "title": "Answer the enquiry that has waited a day",
                        "assign": "owner",
                        "due": "PT4H",
                    }
                ],
            }
        ],
    },
)
