"""The broadcasts on the page of a segment that they speak of."""

from crm.extensions import segment_users
from messaging.broadcasts.uses import uses_of_segment

segment_users("broadcasts")(uses_of_segment)
