import re

import pytest

from crm.lib.charts import Link, Node, Series, Step, bar_chart, funnel_chart, line_chart, sankey_chart
from crm.lib.charts.base import figure, nice_ceiling


def sankey(links: list[Link]):  # type: ignore[no-untyped-def]
    nodes = [Node("a", "Awareness", 0, "stage-1"), Node("b", "Buying", 1), Node("c", "Coming <back>", 2)]
    return sankey_chart(title="Moves", headers=("From", "To", "Customers"), nodes=nodes, links=links)


@pytest.mark.parametrize(
    ("value", "ceiling"), [(0, 1), (1, 1), (3, 5), (10, 10), (11, 20), (23, 25), (99, 100), (0.3, 1), (-5, 1)]
)
def test_scales_end_on_round_numbers(value: float, ceiling: float) -> None:
    assert nice_ceiling(value) == ceiling


def test_figures_are_grouped_and_keep_no_needless_decimals() -> None:
    assert [figure(1234567), figure(12.0), figure(2.5)] == ["1,234,567", "12", "2.5"]


def test_a_line_chart_says_the_same_in_shape_table_and_words() -> None:
    chart = line_chart(
        title="Visits",
        label="Day",
        labels=["1 Mar", "2 Mar", "3 Mar"],
        series=[Series("Visits", [0, 4, 2]), Series("Orders", [0, 1, 1])],
    )
    assert chart.headers == ("Day", "Visits", "Orders")
    assert chart.rows == (("1 Mar", "0", "0"), ("2 Mar", "4", "1"), ("3 Mar", "2", "1"))
    assert chart.legend == (("s1", "Visits"), ("s2", "Orders"))
    assert "<title>Visits, 2 Mar: 4</title>" in chart.svg
    # Nought lies on the axis, the highest value below the scale's end of 5.
    assert re.search(r'class="line s1" d="M44\.0,190\.0 L296\.0,47\.6 L548\.0,118\.8"', chart.svg)
    assert not chart.is_empty


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([0, 1], ["0", "1"]),
        ([0, 3], ["0", "1", "2", "3", "4", "5"]),
        ([0, 4, 20], ["0", "5", "10", "15", "20"]),
        ([0, 0.5], ["0", "0.5", "1"]),
    ],
)
def test_what_is_counted_is_not_scaled_in_fractions(values: list[float], scale: list[str]) -> None:
    labels = [f"day {number}" for number in range(len(values))]
    chart = line_chart(title="Visits", label="Day", labels=labels, series=[Series("Visits", values)])
    assert re.findall(r'text-anchor="end">([\d.,]+)<', chart.svg) == scale


def test_the_last_word_under_a_line_chart_ends_at_its_edge() -> None:
    chart = line_chart(title="Visits", label="Day", labels=["1 Mar", "2 Mar"], series=[Series("Visits", [1, 2])])
    assert re.findall(r'text-anchor="(\w+)">(\d Mar)<', chart.svg) == [("start", "1 Mar"), ("end", "2 Mar")]


def test_a_chart_of_nothing_but_noughts_is_empty() -> None:
    assert line_chart(title="Visits", label="Day", labels=["1 Mar"], series=[Series("Visits", [0])]).is_empty
    assert funnel_chart(title="Steps", label="Step", measure="Customers", steps=[Step("A", 0)]).is_empty
    assert bar_chart(title="Steps", label="Step", measure="Customers", steps=[]).is_empty
    assert sankey([]).is_empty


def test_a_funnel_gives_each_step_its_share_of_the_first() -> None:
    chart = funnel_chart(
        title="Journey", label="Stage", measure="Customers", steps=[Step("Known", 200), Step("Bought", 50, url="/b/")]
    )
    assert chart.headers == ("Stage", "Customers", "%")
    assert chart.rows == (("Known", "200", "100%"), ("Bought", '<a href="/b/">50</a>', "25%"))
    assert '<a href="/b/">' in chart.svg
    assert 'role="group"' in chart.svg  # an image would hide the link from screen readers
    assert 'width="120.0"' in chart.svg  # a quarter of 480


def test_bars_are_measured_against_the_longest_and_wear_their_own_colours() -> None:
    chart = bar_chart(title="Stages", label="Stage", measure="Customers", steps=[Step("A", 1, "stage-2"), Step("B", 4)])
    assert chart.rows == (("A", "1"), ("B", "4"))
    assert 'class="bar stage-2" x="0" y="25" width="120.0"' in chart.svg


def test_a_sankey_gives_every_ribbon_the_same_scale_and_leaves_out_who_nobody_passed() -> None:
    chart = sankey([Link("a", "b", 30), Link("a", "c", 10)])
    assert chart.rows == (("Awareness", "Buying", "30"), ("Awareness", "Coming <back>", "10"))
    heights = {float(height) for height in re.findall(r'class="node [^"]+"[^>]*height="([\d.]+)"', chart.svg)}
    assert heights == {288.0, 216.0, 72.0}
    alone = sankey([Link("a", "b", 5)])
    assert "Coming" not in alone.svg


def test_ribbons_and_nodes_lead_to_who_passed() -> None:
    nodes = [Node("a", "New", 0, url="/a/", figure=4), Node("b", "Buying", 1)]
    chart = sankey_chart(title="Moves", headers=("From", "To", "n"), nodes=nodes, links=[Link("a", "b", 5, "/ab/")])
    assert '<a href="/ab/" aria-label="New → Buying: 5"><path' in chart.svg
    assert '<a href="/a/" aria-label="New: 4"><rect' in chart.svg
    assert chart.rows == (("New", "Buying", '<a href="/ab/">5</a>'),)
    assert 'role="group"' in chart.svg


def test_names_are_escaped() -> None:
    assert "Coming &lt;back&gt;" in sankey([Link("a", "c", 1)]).svg


@pytest.mark.parametrize(("link", "reason"), [(Link("b", "a", 1), "forward"), (Link("a", "nowhere", 1), "unknown")])
def test_a_ribbon_that_leads_nowhere_or_back_is_refused(link: Link, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        sankey([link])


def test_every_chart_names_itself_for_screen_readers_and_draws_no_inline_style() -> None:
    svg = sankey([Link("a", "b", 5)]).svg
    number = re.search(r'aria-labelledby="chart-(\d+)-title chart-\1-text"', svg)
    assert number
    assert f'<title id="chart-{number[1]}-title">Moves</title>' in svg
    assert "Awareness → Buying: 5" in svg
    assert 'role="img"' in svg
    assert "style=" not in svg
