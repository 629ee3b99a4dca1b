"""What runs out is reminded of in time."""

from journeys.flows.presets.base import DAYTIME, FlowPreset, offer

REPEAT_PURCHASE = FlowPreset(
    "repeat-purchase",
    "Repeat purchase by product",
    "เตือนซื้อซ้ำตามสินค้า",
    "Reminds three days before the first thing they bought runs out, by what each product says; else after a month.",
    "เตือนสามวันก่อนที่สินค้าชิ้นแรกจะหมด ตามที่กำหนดไว้ในสินค้าแต่ละชิ้น หากไม่ทราบจะเตือนหลังหนึ่งเดือน",
    {
        "trigger": {"event": "Order Delivered"},
        "reentry": {"policy": "after_exit"},
        "exits": [{"event": "Order Completed"}, {"event": "Order Refunded"}, {"event": "Order Cancelled"}],
        "goal": {"event": "Order Completed", "within": "P45D"},
        "holdout": 10,
        "steps": [
            {
                "id": "runs-out",
                "type": "wait",
                "until": {"product": "repurchase_after", "offset": "-P3D"},
                "window": DAYTIME,
                "missing": [{"id": "a-month", "type": "wait", "for": "P1M", "window": DAYTIME}],
                "past": [{"id": "soon", "type": "wait", "for": "P1D", "window": DAYTIME}],
            },
            offer("refill", "refill-reminder"),
        ],
    },
)
