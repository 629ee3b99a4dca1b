"""A shop by the hundred thousand, written by the database itself."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Max

from crm.models import Customer, Topic
from journeys.flows import presets as flow_presets
from messaging import presets as template_presets
from tests.benchmarks import sql


def open_for_business(*, now: datetime) -> None:
    """The templates and flows that the product comes with, live."""
    template_presets.install_templates(now=now)
    flow_presets.install_flows(now=now, publish=True)


def add_people(n: int, *, now: datetime, topic: Topic) -> list[int]:
    """
    `n` customers with a telephone, in their order: every other one has bought something, nine of ten have opted in to
    `topic` by SMS.
    """
    start = (Customer.objects.aggregate(last=Max("pk"))["last"] or 0) + 1
    at = sql.at(now)
    sql.run(
        f"INSERT INTO crm_customer (id, public_id, name, email, phone, line_id, language, time_zone, attributes, "
        f"source, is_visitor, created_at, search_text) SELECT {start} + n, {sql.uuid()}, 'Person ' || n, '', "
        f"'+668' || (10000000 + n), '', 'th', '', {sql.json('{}')}, '', {sql.false()}, {at}, '' FROM {sql.series(n)}"
    )
    sql.run(
        f"INSERT INTO crm_purchase (public_id, customer_id, source, reference, status, currency, total_minor, "
        f"refunded_minor, discount_minor, coupon, payment_method, placed_at, recorded_at) SELECT {sql.uuid()}, "
        f"{start} + n * 2, 'bench', 'shop:' || {start} || ':' || n, 'placed', 'THB', 59000, 0, 0, '', '', {at}, {at} "
        f"FROM {sql.series(n // 2)}"
    )
    sql.run(
        f"INSERT INTO crm_consent (customer_id, channel, topic_id, state, since) SELECT {start} + n, 'sms', "
        f"{topic.pk}, 'in', {at} FROM {sql.series(n)} WHERE n % 10 > 0"
    )
    sql.continue_ids("crm_customer")
    sql.run("ANALYZE")
    return list(range(start, start + n))
