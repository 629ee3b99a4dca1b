"""What the doors count of the log itself."""

from datetime import datetime

from crm.lib import backlog
from crm.models import FailedReaction


@backlog.measure("reactions")
def reactions(now: datetime, most: int) -> int:
    """Facts that were not reacted to yet."""
    return FailedReaction.objects.open().order_by().values("pk")[:most].count()
