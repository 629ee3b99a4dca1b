from datetime import UTC, datetime

from messaging.channels.base import News, ReceiptIn
from messaging.channels.calls import FileIn, FileThere, InboundIn, Kind
from messaging.channels.told import MAX_DEPTH, plain, read_inbound, read_receipt, to_json

AT = datetime(2026, 3, 4, 5, 6, 7, 890, tzinfo=UTC)


def test_a_receipt_comes_back_as_it_was() -> None:
    receipt = ReceiptIn("x", "e1", News.DELIVERED, AT, key="k", reference="r", detail="d", raw={"a": [1, None, True]})
    assert read_receipt(to_json(receipt)) == receipt


def test_an_inbound_message_comes_back_as_it_was() -> None:
    inbound = InboundIn(
        "x", "m1", "+66812345678", AT, kind=Kind.FOLLOWED, body="สวัสดี 😀", references=["<a@b>"],
        files=[FileIn("a.bin", "application/x", bytes(range(256)))], is_automatic=True, reply_token="t",
        files_there=[FileThere("77", "image")],
    )  # fmt: skip
    assert read_inbound(to_json(inbound)) == inbound


def test_what_no_database_keeps_is_left_out() -> None:
    assert plain({"a\0": ["\0b", "\ud800", float("inf"), 1.5]}) == {"a": ["b", "?", None, 1.5]}


def test_numbers_that_not_every_reader_takes_are_left_out() -> None:
    assert plain([2**63 - 1, -(2**63), 2**63, 10**400, 1e300, float("nan"), True, False]) == [
        2**63 - 1, None, None, None, None, None, True, False,
    ]  # fmt: skip


def test_what_is_nested_without_end_is_cut() -> None:
    deep: object = "x"
    for _ in range(900):
        deep = [deep]
    receipt = ReceiptIn("x", "e1", News.DELIVERED, AT, key="k", raw={"a": deep, "b": [[1]]})
    kept = to_json(receipt)["raw"]
    assert kept["b"] == [[1]]
    assert str(kept["a"]).count("[") == MAX_DEPTH - 2
