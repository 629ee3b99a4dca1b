"""Advocates are asked to bring a friend."""

from journeys.flows.presets.base import DAYTIME, FlowPreset, offer

REFERRAL = FlowPreset(
    "referral-invitation",
    "Referral invitation",
    "ชวนแนะนำเพื่อน",
    "Invites whoever has become an advocate to bring a friend; the goal is that the friend buys.",
    "ชวนผู้ที่กลายเป็นผู้บอกต่อให้พาเพื่อนมา เป้าหมายคือเพื่อนได้สั่งซื้อ",
    {
        "trigger": {"stage": {"journey": "five-stage", "stage": "advocacy"}},
        "reentry": {"policy": "once"},
        "exits": [{"rule": {"ticket": {"open": True, "kind": "after_sales"}}}],
        "goal": {"event": "Referral Converted", "within": "P90D"},
        "steps": [
            {"id": "settle", "type": "wait", "for": "P1D", "window": DAYTIME},
            offer("invite", "referral-invitation"),
            {"id": "mark", "type": "tag", "add": ["invited to refer"]},
        ],
    },
)
