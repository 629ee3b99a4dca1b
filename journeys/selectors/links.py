"""Where numbers lead: addresses of the rows behind them."""

from urllib.parse import urlencode

from django.urls import reverse

from journeys.models import Stage


def stage_key(journey: str, stage: str) -> str:
    """How a stage is named in the customers list's address."""
    return f"{journey}.{stage}"


def customers_in(stage: Stage) -> str:
    """The customers list, narrowed to who stands in `stage`."""
    query = urlencode({"stage": stage_key(stage.journey.slug, stage.slug)})
    return f"{reverse('crm:customer_list')}?{query}"
