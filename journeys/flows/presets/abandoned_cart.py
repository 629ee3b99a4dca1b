"""A checkout that was not finished is reminded of."""

from journeys.flows.presets.base import FlowPreset, message

ABANDONED_CART = FlowPreset(
    "abandoned-cart",
    "Abandoned cart",
    "ตะกร้าที่ทิ้งไว้",
    "Reminds of a checkout that was started and not finished; an order ends it at once.",
    "เตือนเมื่อเริ่มชำระเงินแล้วแต่ยังไม่เสร็จ เมื่อสั่งซื้อแล้วจะหยุดทันที",
    {
        "trigger": {"event": "Checkout Started"},
        "reentry": {"policy": "cooldown", "cooldown": "P7D"},
        "exits": [{"event": "Order Completed"}],
        "goal": {"event": "Order Completed", "within": "P7D"},
        "steps": [
            {"id": "think", "type": "wait", "for": "PT3H"},
            message("remind", "abandoned-cart", about="promotions", expires_after="P1D"),
            {"id": "last-chance", "type": "wait", "for": "P3D"},
            {"id": "mark", "type": "tag", "add": ["left a cart"]},
        ],
    },
)
