"""What the doors count of what follows from facts."""

from datetime import datetime

from crm.lib import backlog
from journeys.models import Enrolment


@backlog.measure("steps")
def steps(now: datetime, most: int) -> int:
    """Steps of flows that are due and were not taken yet."""
    return Enrolment.objects.due(now).order_by().values("pk")[:most].count()
