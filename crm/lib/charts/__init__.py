"""
Charts drawn on the server as SVG: no script, no inline style, colours by CSS class.

Each function returns a `Chart`: the drawing, and the same figures as a table for those who cannot see it or want the
exact numbers. templates/components/chart.html shows both.
"""

from crm.lib.charts.bars import Step, bar_chart, funnel_chart
from crm.lib.charts.base import Chart
from crm.lib.charts.lines import Series, line_chart
from crm.lib.charts.sankey import Link, Node, sankey_chart

__all__ = ["Chart", "Link", "Node", "Series", "Step", "bar_chart", "funnel_chart", "line_chart", "sankey_chart"]
