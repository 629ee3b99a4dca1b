"""What batches remember of the configuration, and that no change of it is missed, whoever makes it."""

import re
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from django.db import connection, models, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from crm.lib import bulk, configuration, stamps
from crm.lib.configuration import Remembered
from crm.models import Customer, HookDelivery, Shop, WebhookEndpoint
from crm.services import hooks
from journeys.flows import plans
from journeys.models import Flow, FlowVersion, Journey, Stage, StageRule
from journeys.stages import rulebook
from messaging.models import MessagingSettings, Price, Restoration
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.journeys import FlowFactory, JourneyFactory, StageFactory, StageRuleFactory, live_flow
from tests.journeys.happenings import happens

pytestmark = pytest.mark.django_db

MAKERS: dict[type[models.Model], Callable[[], models.Model]] = {
    Shop: Shop.current,
    WebhookEndpoint: lambda: endpoint("Order Completed"),
    Journey: JourneyFactory.create,
    Stage: StageFactory.create,
    StageRule: StageRuleFactory.create,
    Flow: FlowFactory.create,
    FlowVersion: lambda: FlowVersion.objects.create(
        flow=FlowFactory.create(), number=7, definition={}, fingerprint="f", published_at=NOON
    ),
    MessagingSettings: lambda: the_only_settings(),
    Price: lambda: Price.objects.create(channel="sms", country="TH", micros=350_000),
    Restoration: lambda: Restoration.objects.create(
        cause="told", noticed_at=NOON, lost_from=NOON, lost_until=NOON, ended_at=NOON
    ),
}
# A column of each that may be set to itself.
COLUMNS = {"name", "url", "number", "link_domain", "country", "remark"}
KINDS = pytest.mark.parametrize("model", MAKERS, ids=lambda model: model.__name__)


def the_only_settings() -> MessagingSettings:
    """Not the row that a migration wrote under a number of its own."""
    MessagingSettings.objects.all().delete()
    return MessagingSettings.objects.create()


def endpoint(*events: str) -> WebhookEndpoint:
    return hooks.create_endpoint(url="https://shop.example/told", events=events, actor=None, now=NOON).endpoint


def in_batch(function: Callable[[], Any]) -> Any:
    with configuration.for_batch():
        return function()


def state_of(flow: Flow) -> str:
    """As a batch sees it that comes upon a run of the flow."""
    version = flow.live_version_id or 0
    with configuration.for_batch():
        return plans.versions([version])[version].flow.state


def stamp(model: type[models.Model]) -> str:
    return stamps.read()[model._meta.db_table]


# --- the stamps -------------------------------------------------------------------------------


def test_every_table_that_is_remembered_is_stamped_and_tried_here() -> None:
    assert stamps.watched() == sorted(model._meta.db_table for model in MAKERS)
    assert stamps.unstamped() == []
    assert sorted(stamps.read()) == stamps.watched()


@pytest.mark.parametrize("function", configuration.everything, ids=lambda it: it.read.__qualname__)
def test_a_remembered_function_reads_no_table_but_those_it_watches(function: Remembered[Any]) -> None:
    live_flow()
    endpoint("Order Completed")
    with CaptureQueriesContext(connection) as asked:
        function.read()
    tables = set(re.findall(r'(?:FROM|JOIN) "(\w+)"', " ".join(query["sql"] for query in asked.captured_queries)))
    assert tables <= set(function.tables)


@KINDS
def test_every_way_of_writing_changes_the_stamp(model: type[models.Model]) -> None:
    seen = [stamp(model)]

    def changed() -> bool:
        seen.append(stamp(model))
        return seen[-1] not in seen[:-1]

    row = MAKERS[model]()
    assert changed()
    row.save()
    assert changed()
    rows = model._default_manager.filter(pk=row.pk)
    name = next(field.attname for field in model._meta.concrete_fields if field.attname in COLUMNS)
    rows.update(**{name: F(name)})
    assert changed()
    bulk.update_rows(model, [{"id": row.pk, name: getattr(row, name)}], fields=[name])
    assert changed()
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {model._meta.db_table} SET {name} = {name} WHERE id = %s", [row.pk])
    assert changed()
    rows.delete()
    assert changed()
    row.pk = None
    model._default_manager.bulk_create([row])
    assert changed()


def test_what_is_no_configuration_leaves_all_stamps_alone() -> None:
    before = stamps.read()
    happens(CustomerFactory.create(), "Order Completed")
    Customer.objects.update(name="Somebody")
    assert {kind: word for kind, word in stamps.read().items() if word != before[kind]}.keys() <= {"crm_shop"}


def test_migrating_again_makes_what_is_missing_and_stamps_everything_anew() -> None:
    before = stamps.read()
    drop = {
        "postgresql": "DROP TRIGGER crm_stamp ON crm_shop",
        "sqlite": "DROP TRIGGER crm_stamp_insert_crm_shop",
    }
    with connection.cursor() as cursor:
        cursor.execute(drop[connection.vendor])
        if connection.vendor == "sqlite":  # a table that is rebuilt loses all of them
            cursor.execute("DROP TRIGGER crm_stamp_update_crm_shop")
            cursor.execute("DROP TRIGGER crm_stamp_delete_crm_shop")
    assert stamps.unstamped() == ["crm_shop"]

    stamps.install()

    assert stamps.unstamped() == []
    assert all(word != before[kind] for kind, word in stamps.read().items())


# --- what is remembered -----------------------------------------------------------------------


def test_a_batch_reads_the_configuration_once_and_the_next_one_only_the_stamps() -> None:
    Shop.current()
    with CaptureQueriesContext(connection) as first, configuration.for_batch():
        shop = Shop.current()
        assert Shop.current() is shop
    with CaptureQueriesContext(connection) as second, configuration.for_batch():
        assert Shop.current() is shop
    assert (len(first), len(second)) == (2, 1)


def test_outside_of_a_batch_the_answer_is_read_each_time_and_the_callers_own() -> None:
    shop = Shop.current()
    shop.name = "Half typed in"
    assert Shop.current().name != "Half typed in"


def test_a_batch_inside_a_batch_sees_what_the_outer_one_sees() -> None:
    with configuration.for_batch():
        before = Shop.current()
        with configuration.for_batch():
            assert Shop.current() is before


def test_what_was_rolled_back_is_remembered_by_nobody() -> None:
    name = Shop.current().name
    with transaction.atomic():
        Shop.objects.update(name="Never was")
        with configuration.for_batch():
            assert Shop.current().name == "Never was"
        transaction.set_rollback(True)
    with configuration.for_batch():
        assert Shop.current().name == name


@pytest.mark.django_db(transaction=True)
def test_what_another_connection_has_committed_is_seen_by_the_next_batch() -> None:
    Shop.current()
    with configuration.for_batch():
        assert Shop.current().country == "TH"

    def elsewhere() -> None:
        try:
            Shop.objects.update(country="DE")
        finally:
            connection.close()

    other = Thread(target=elsewhere)
    other.start()
    other.join()
    with configuration.for_batch():
        assert Shop.current().country == "DE"


def test_without_stamps_nothing_is_remembered() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM crm_configurationstamp")
    with configuration.for_batch():
        assert Shop.current() is not Shop.current()


# --- each kind, as its batches see it ---------------------------------------------------------


def test_a_stage_rule_that_was_switched_off_moves_nobody_any_more() -> None:
    first = in_batch(rulebook.current)
    StageRule.objects.update(is_active=False)
    assert all(ruleset.rules for ruleset in first)
    assert [len(ruleset.rules) for ruleset in in_batch(rulebook.current)] == [0, 0]


def test_a_stage_renamed_and_a_journey_switched_off_are_seen_at_once() -> None:
    assert len(in_batch(rulebook.current)) == 2
    Stage.objects.filter(journey__slug="five-stage", slug="awareness").update(name="Noticed")
    assert next(iter(in_batch(rulebook.current)[0].stages.values())).name == "Noticed"
    Journey.objects.filter(slug="five-stage").update(is_active=False)
    assert [ruleset.journey.slug for ruleset in in_batch(rulebook.current)] == ["usage-loop"]


def test_a_paused_flow_takes_nobody_in() -> None:
    flow = live_flow()
    assert [version.flow for version in in_batch(plans.live_versions)] == [flow]
    assert state_of(flow) == "live"
    Flow.objects.filter(pk=flow.pk).update(state="paused")
    assert in_batch(plans.live_versions) == []
    assert state_of(flow) == "paused"


def test_a_new_version_is_entered_from_the_next_event_on() -> None:
    flow = live_flow()
    assert [version.number for version in in_batch(plans.live_versions)] == [1]
    later = FlowVersion.objects.get(flow=flow)
    later.pk, later.number = None, 2
    later.save()
    Flow.objects.filter(pk=flow.pk).update(live_version=later)
    assert [version.number for version in in_batch(plans.live_versions)] == [2]


def test_an_endpoint_added_or_switched_off_is_told_or_not_told_of_the_next_fact() -> None:
    customer = CustomerFactory.create()

    def told() -> int:
        return HookDelivery.objects.filter(customer=customer).count()

    happens(customer, "Cart Viewed")
    assert told() == 0
    endpoint("Cart Viewed")
    happens(customer, "Cart Viewed")
    assert told() == 1
    WebhookEndpoint.objects.update(is_active=False)
    happens(customer, "Cart Viewed")
    assert told() == 1
