"""crm's own leaves of the grammar; importing them registers them."""

from crm.rules.leaves import events, person, records, segments

__all__ = ["events", "person", "records", "segments"]
