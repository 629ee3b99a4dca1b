"""The flows on the page of a segment that they speak of."""

from crm.extensions import segment_users
from journeys.flows.uses import uses_of_segment

segment_users("flows")(uses_of_segment)
