"""
The one rule grammar: segments, audiences, branches and exits speak it.

    {"all": [{"tag": "vip"}, {"event": {"name": "Order Completed", "within": "P90D"}},
             {"not": {"ticket": {"open": true}}}]}

`parse_rule` reads and checks JSON, `matching` and `matches` ask the database, set-based. docs/rules.md tells the rest.
"""

from crm.rules import leaves
from crm.rules.compiler import matches, matching
from crm.rules.parser import parse_rule
from crm.rules.schema import Fault, InvalidRule, Rule

__all__ = ["Fault", "InvalidRule", "Rule", "leaves", "matches", "matching", "parse_rule"]
