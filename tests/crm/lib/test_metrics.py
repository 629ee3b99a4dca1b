from __future__ import annotations

import pytest

from crm.lib import metrics
from tests.factories.crm import NOON


@pytest.fixture(autouse=True)
def own_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_measures", {})


def test_figures_are_written_as_prometheus_reads_them() -> None:
    metrics.gauge("b_total", "Things.")(lambda now: [({}, 3)])
    metrics.gauge("a_seconds", "How long.")(lambda now: [({"of": 'a "b"\\\n', "by": "x"}, 0.25), ({}, now.year)])

    assert metrics.exposition(NOON) == (
        "# HELP a_seconds How long.\n"
        "# TYPE a_seconds gauge\n"
        'a_seconds{by="x",of="a \\"b\\"\\\\\\n"} 0.25\n'
        "a_seconds 2026\n"
        "# HELP b_total Things.\n"
        "# TYPE b_total gauge\n"
        "b_total 3\n"
    )
