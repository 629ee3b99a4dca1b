"""
The one rule grammar: segments, audiences, branches and exits speak it.

    {"all": [{"tag": "vip"}, {"event": {"name": "Order Completed", "within": "P90D"}},
             {"not": {"ticket": {"open": true}}}]}

`parse_rule` reads and checks JSON, `matching` and `matches` ask the database, set-based.
"""

from crm.rules.compiler import matches, matching
from crm.rules.parser import parse_rule
from crm.rules.schema import Fault, InvalidRule, Rule

__all__ = ["Fault", "InvalidRule", "Rule", "matches", "matching", "parse_rule"]
