"""One shape for every call that judges each item for itself."""

from __future__ import annotations

from crm.api import events
from crm.api.bulk import FAULTS, results_schema
from journeys.api.flow_shapes import ENROLLED_SCHEMA
from messaging.api import messages

TEXT = {"type": "string"}


def test_a_result_has_a_status_and_what_else_it_says() -> None:
    schema = results_schema(("taken", "invalid"), always=["id"], id=TEXT)
    assert schema["required"] == ["results"]
    item = schema["properties"]["results"]["items"]
    assert item["required"] == ["id", "status"]
    assert item["properties"] == {"id": TEXT, "status": {**TEXT, "enum": ["taken", "invalid"]}, "errors": FAULTS}


def test_every_bulk_call_is_described_by_it() -> None:
    schemas = (events.RESULTS_SCHEMA, ENROLLED_SCHEMA, messages.RESULTS_SCHEMA)
    items = [schema["properties"]["results"]["items"]["properties"] for schema in schemas]
    assert [item["status"]["enum"] for item in items] == [
        ["accepted", "duplicate", "invalid"], ["entered", "refused", "invalid"], ["accepted", "duplicate", "invalid"],
    ]  # fmt: skip
    assert all(item["errors"] is FAULTS for item in items)
