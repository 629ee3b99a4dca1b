from datetime import UTC, datetime

from messaging.channels.base import News, ReceiptIn
from messaging.channels.calls import FileIn, InboundIn, Kind
from messaging.channels.told import plain, read_inbound, read_receipt, to_json

AT = datetime(2026, 3, 4, 5, 6, 7, 890, tzinfo=UTC)


def test_a_receipt_comes_back_as_it_was() -> None:
    receipt = ReceiptIn("x", "e1", News.DELIVERED, AT, key="k", reference="r", detail="d", raw={"a": [1, None, True]})
    assert read_receipt(to_json(receipt)) == receipt


def test_an_inbound_message_comes_back_as_it_was() -> None:
    inbound = InboundIn(
        "x", "m1", "+66812345678", AT, kind=Kind.FOLLOWED, body="สวัสดี 😀", references=["<a@b>"],
        files=[FileIn("a.bin", "application/x", bytes(range(256)))], is_automatic=True, reply_token="t",
    )  # fmt: skip
    assert read_inbound(to_json(inbound)) == inbound


def test_what_no_database_keeps_is_left_out() -> None:
    assert plain({"a\0": ["\0b", "\ud800", float("inf"), 1.5]}) == {"a": ["b", "?", None, 1.5]}
