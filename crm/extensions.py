"""The sockets other apps plug into. crm reads them and never learns who filled them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import CharField, Value
from django.db.models.functions import Cast
from django.utils.functional import Promise

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

    from crm.models import Customer, TicketMessage, User

Text = str | Promise


@dataclass(frozen=True, slots=True)
class UpcomingItem:
    """Something that will happen to a customer, shown above the timeline. `why` says what will cause it."""

    at: datetime
    title: Text
    url: str = ""
    why: Text = ""
    icon: str = "clock"


@dataclass(frozen=True, slots=True)
class Panel:
    """
    A card on the customer page.

    `context(customer, user, now)` returns what `template` needs, or None to leave the card out. `zone` is "header",
    "side" or "main"; "consents" is the page of what the customer agreed to.
    """

    key: str
    template: str
    context: Callable[[Customer, User, datetime], Mapping[str, Any] | None]
    zone: str = "side"
    order: int = 100


@dataclass(frozen=True, slots=True)
class ComposerTab:
    """A tab of the composer: a form that posts to the view `url_name` with the customer's public id."""

    key: str
    label: Text
    url_name: str
    template: str
    permission: str
    context: Callable[[Customer, User], Mapping[str, Any]] | None = None
    order: int = 100


@dataclass(frozen=True, slots=True)
class WorkAction:
    """A button on a Today row: it posts to `url`, and the row goes when the answer is good."""

    label: Text
    url: str
    icon: str = "check"


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One row of a Today section."""

    title: Text
    url: str
    detail: Text = ""
    at: datetime | None = None
    tone: str = ""  # "", "warn" or "bad"
    action: WorkAction | None = None
    outcomes: Sequence[str] = ()  # buttons instead of the action's one: each posts itself as `outcome` to its URL


@dataclass(frozen=True, slots=True)
class WorkSection:
    """A section of Today. `items(user, now, limit)` returns the rows and how many there are in all."""

    key: str
    title: Text
    items: Callable[[User, datetime, int], tuple[list[WorkItem], int]]
    permission: str
    empty: Text = ""
    url: str = ""  # where "all N" leads: a URL name
    order: int = 100


@dataclass(frozen=True, slots=True)
class SettingsPage:
    """A line on the Settings page."""

    title: Text
    description: Text
    url_name: str
    permission: str
    order: int = 100


@dataclass(frozen=True, slots=True)
class NavItem:
    """
    A line of the main navigation, shown to those who hold `permission`.

    `shortcut` is the letter pressed after "g". `also` are further path prefixes that belong to it. `badge(user, now)`
    counts what waits there; it costs one query on every page. `on_phone` puts it on the bottom bar, which has room for
    four.
    """

    key: str
    label: Text
    url_name: str
    icon: str
    permission: str
    shortcut: str = ""
    also: tuple[str, ...] = ()
    badge: Callable[[User, datetime], int] | None = None
    on_phone: bool = False
    order: int = 100


@dataclass(frozen=True, slots=True)
class DashboardCard:
    """A card on Today. `context(user, now)` returns what `template` needs, or None to leave the card out."""

    key: str
    template: str
    context: Callable[[User, datetime], Mapping[str, Any] | None]
    permission: str
    order: int = 100


@dataclass(frozen=True, slots=True)
class ListFilter:
    """
    A filter of the customers list, kept in the URL as `param`.

    `choices(user)` returns (value, label) pairs; `apply(customers, value, user)` narrows. A value that is no choice is
    refused before `apply` sees it.
    """

    param: str
    label: Text
    choices: Callable[[User], Sequence[tuple[str, Text]]]
    apply: Callable[[QuerySet[Customer], str, User], QuerySet[Customer]]
    order: int = 100


@dataclass(frozen=True, slots=True)
class ListColumn:
    """
    A column of the customers list: `values(customers)` answers for a whole page at once, {customer id: value}.

    `template` renders one value as `value`; without it the value is printed. Figures are set to the right.
    """

    key: str
    label: Text
    values: Callable[[Sequence[Customer]], Mapping[int, Any]]
    template: str = ""
    order: int = 100
    is_figure: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """What a timeline row says besides its event's label. `why` explains a row nobody asked for by hand."""

    text: Text = ""
    why: Text = ""
    why_url: str = ""
    tone: str = ""  # "", "good", "warn" or "bad"


@dataclass(frozen=True, slots=True)
class CustomerField:
    """
    A field that an app adds to the customer's JSON in the API.

    `values(customers, now)` looks it up for a whole page: customer's primary key → value; `default` for the others.
    `schema` describes it in OpenAPI's words.
    """

    name: str
    values: Callable[[Sequence[Customer], datetime], Mapping[int, Any]]
    default: Any
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Where records of an event's `object_type` are shown: `url(key)`, the key being the model's field of that name."""

    object_type: str
    model: type[Model]
    url: Callable[[str], str]
    key: str = "public_id"

    def keys(self, ids: Collection[int]) -> QuerySet[Any, tuple[str, int, str]]:
        """(object type, primary key, key as text) of these records: alike for all kinds, so that they can be united."""
        rows = self.model._default_manager.filter(pk__in=ids).order_by()
        return rows.values_list(Value(self.object_type), "pk", Cast(self.key, CharField()))


@dataclass(frozen=True, slots=True)
class Use:
    """Somebody who speaks of a record and needs it to stay: what it is ("flow, version 2"), its name, its page."""

    what: Text
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class TurnMark:
    """What became of an answer on a ticket: "delivered", "failed" … `why` says more where it is not plain."""

    text: Text
    tone: str = ""  # a pill's: "", "t-good", "t-info", "t-warn" or "t-bad"
    why: Text = ""
    url: str = ""


SegmentUsers = Callable[[str], Iterable[Use]]
TurnMarker = Callable[["Sequence[TicketMessage]"], Mapping[int, TurnMark]]
Describer = Callable[[Mapping[str, Any]], Description]
UpcomingSource = Callable[["Customer", datetime], Iterable[UpcomingItem]]

_upcoming: dict[str, UpcomingSource] = {}
_panels: dict[str, Panel] = {}
_tabs: dict[str, ComposerTab] = {}
_sections: dict[str, WorkSection] = {}
_settings_pages: dict[str, SettingsPage] = {}
_customer_fields: dict[str, CustomerField] = {}
_nav: dict[str, NavItem] = {}
_cards: dict[str, DashboardCard] = {}
_filters: dict[str, ListFilter] = {}
_columns: dict[str, ListColumn] = {}
_describers: dict[str, Describer] = {}
_record_pages: dict[str, RecordPage] = {}
_folds: dict[str, tuple[str, Text]] = {}
_segment_users: dict[str, SegmentUsers] = {}
_turn_markers: dict[str, TurnMarker] = {}


def upcoming_source(name: str) -> Callable[[UpcomingSource], UpcomingSource]:
    """Register a function (customer, now) -> items still to come."""

    def decorator(function: UpcomingSource) -> UpcomingSource:
        _upcoming[name] = function
        return function

    return decorator


def segment_users(name: str) -> Callable[[SegmentUsers], SegmentUsers]:
    """Register a function (slug of a segment) -> who speaks of it."""

    def decorator(function: SegmentUsers) -> SegmentUsers:
        _segment_users[name] = function
        return function

    return decorator


def uses_of_segment(slug: str) -> list[Use]:
    """Everybody in the upper apps who speaks of the segment."""
    return [use for users in _segment_users.values() for use in users(slug)]


def turn_marker(name: str) -> Callable[[TurnMarker], TurnMarker]:
    """Register a function (turns of a ticket) -> what became of those that were sent, by primary key."""

    def decorator(function: TurnMarker) -> TurnMarker:
        _turn_markers[name] = function
        return function

    return decorator


def marks_of_turns(turns: Sequence[TicketMessage]) -> dict[int, TurnMark]:
    """What the upper apps know of these turns."""
    return {pk: mark for marker in _turn_markers.values() for pk, mark in marker(turns).items()}


def add_panel(panel: Panel) -> None:
    _panels[panel.key] = panel


def add_composer_tab(tab: ComposerTab) -> None:
    _tabs[tab.key] = tab


def add_work_section(section: WorkSection) -> None:
    _sections[section.key] = section


def add_settings_page(page: SettingsPage) -> None:
    _settings_pages[page.url_name] = page


def describes(*event_names: str) -> Callable[[Describer], Describer]:
    """Register a function (properties of an event) -> Description, for the timeline. It must not query."""

    def decorator(function: Describer) -> Describer:
        _describers.update(dict.fromkeys(event_names, function))
        return function

    return decorator


def fold(event_name: str, *, into: str, mark: Text) -> None:
    """
    Show `event_name` as a mark on the row of the event `into` about the same record, instead of as a row of its own.

    Where that row is on another page, it stays a row.
    """
    _folds[event_name] = (into, mark)


def add_record_page(page: RecordPage) -> None:
    _record_pages[page.object_type] = page


def add_nav_item(item: NavItem) -> None:
    _nav[item.key] = item


def add_dashboard_card(card: DashboardCard) -> None:
    _cards[card.key] = card


def add_list_filter(list_filter: ListFilter) -> None:
    _filters[list_filter.param] = list_filter


def add_list_column(column: ListColumn) -> None:
    _columns[column.key] = column


def add_customer_field(field: CustomerField) -> None:
    _customer_fields[field.name] = field


def customer_fields() -> list[CustomerField]:
    return sorted(_customer_fields.values(), key=lambda field: field.name)


def upcoming_items(customer: Customer, now: datetime) -> list[UpcomingItem]:
    """What lies ahead of `customer`, soonest first."""
    items = [item for source in _upcoming.values() for item in source(customer, now)]
    return sorted(items, key=lambda item: item.at)


def panels(zone: str) -> list[Panel]:
    return sorted((p for p in _panels.values() if p.zone == zone), key=lambda panel: (panel.order, panel.key))


def composer_tabs() -> list[ComposerTab]:
    return sorted(_tabs.values(), key=lambda tab: (tab.order, tab.key))


def work_sections() -> list[WorkSection]:
    return sorted(_sections.values(), key=lambda section: (section.order, section.key))


def settings_pages() -> list[SettingsPage]:
    return sorted(_settings_pages.values(), key=lambda page: (page.order, str(page.title)))


def nav_items() -> list[NavItem]:
    return sorted(_nav.values(), key=lambda item: (item.order, item.key))


def dashboard_cards() -> list[DashboardCard]:
    return sorted(_cards.values(), key=lambda card: (card.order, card.key))


def list_filters() -> list[ListFilter]:
    return sorted(_filters.values(), key=lambda list_filter: (list_filter.order, list_filter.param))


def list_columns() -> list[ListColumn]:
    return sorted(_columns.values(), key=lambda column: (column.order, column.key))


def describe(event_name: str, properties: Mapping[str, Any]) -> Description:
    """What the timeline says about a fact; one without a describer says no more than its label."""
    describer = _describers.get(event_name)
    return describer(properties) if describer else Description()


def folded(event_name: str) -> tuple[str, Text] | None:
    """(event on whose row it is a mark, the mark), for events that are folded."""
    return _folds.get(event_name)


def record_page(object_type: str) -> RecordPage | None:
    """Where records of that type are shown, if anywhere."""
    return _record_pages.get(object_type)


def urls_of(object_type: str, ids: Sequence[int]) -> dict[int, str]:
    """Where the records `ids` of that type are shown, in one query; nothing for a type without pages."""
    page = record_page(object_type)
    if page is None or not ids:
        return {}
    return {pk: page.url(key) for _type, pk, key in page.keys(ids)}
