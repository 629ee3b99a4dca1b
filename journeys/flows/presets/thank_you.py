"""An order is thanked for, its delivery helped or traced."""

from journeys.flows.presets.base import DAYTIME, FlowPreset, message

THANK_YOU = FlowPreset(
    "thank-you",
    "Thank-you and delivery",
    "ขอบคุณและการจัดส่ง",
    "Thanks for the order, helps to use it a day after delivery, and has us trace a parcel that does not come.",
    "ขอบคุณสำหรับคำสั่งซื้อ แนะนำการใช้งานหลังได้รับของหนึ่งวัน และให้ทีมตามพัสดุที่ยังไม่ถึง",
    {
        "trigger": {"event": "Order Completed"},
        "reentry": {"policy": "always", "key": "properties.order_id"},
        "exits": [{"event": "Order Cancelled"}, {"event": "Order Refunded"}],
        "steps": [
            message("thank", "order-thanks", about="order_updates"),
            {
                "id": "delivery",
                "type": "wait_event",
                "event": "Order Delivered",
                "timeout": "P14D",
                "then": [
                    {"id": "unpack", "type": "wait", "for": "P1D", "window": DAYTIME},
                    message("tips", "usage-tips", about="after_sales"),
                ],
                "else": [
                    message("apologise", "delivery-late", about="order_updates"),
                    {
                        "id": "trace",
                        "type": "task",
                        "title": "Trace the parcel: two weeks without delivery",
                        "assign": "owner",
                        "due": "P1D",
                    },
                ],
            },
        ],
    },
)
