"""A review is asked for once what was bought could be tried."""

from journeys.flows.presets.base import WORKDAYS, FlowPreset, message

REVIEW_REQUEST = FlowPreset(
    "review-request",
    "Review request",
    "ขอรีวิว",
    "Asks for a review once all they bought could be tried (each product's time of use), thanks for it, reminds once; "
    "never while a complaint is open.",
    "ขอรีวิวเมื่อลูกค้าได้ลองใช้สินค้าครบทุกชิ้นแล้ว (ตามระยะเวลาใช้งานของสินค้า) ขอบคุณเมื่อได้รับ และเตือนหนึ่งครั้ง "
    "ไม่ส่งระหว่างที่มีเรื่องร้องเรียนค้างอยู่",
    {
        "trigger": {"event": "Order Delivered"},
        "reentry": {"policy": "cooldown", "cooldown": "P30D", "key": "properties.order_id"},
        "exits": [
            {"event": "Order Refunded"},
            {"event": "Order Cancelled"},
            {"rule": {"ticket": {"open": True, "kind": "after_sales"}}},
        ],
        "goal": {"event": "Product Reviewed", "within": "P30D"},
        "holdout": 10,
        "steps": [
            {
                "id": "settle",
                "type": "wait",
                "until": {"product": "time_of_use"},
                "window": WORKDAYS,
                "missing": [{"id": "a-week", "type": "wait", "for": "P7D", "window": WORKDAYS}],
            },
            message("ask", "review-request", about="after_sales", expires_after="PT24H"),
            {
                "id": "answer",
                "type": "wait_event",
                "event": "Product Reviewed",
                "timeout": "P5D",
                "then": [message("thank", "review-thanks", about="after_sales")],
                "else": [message("remind", "review-reminder", about="after_sales", by=("email", "sms"))],
            },
        ],
    },
)
