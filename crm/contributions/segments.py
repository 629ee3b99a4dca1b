"""The promotions on the page of a segment that they speak of."""

from crm.extensions import segment_users
from crm.selectors.promotions import uses_of_segment

segment_users("promotions")(uses_of_segment)
