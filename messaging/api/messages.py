"""Messages: the ledger, and writing to customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import django_filters
import msgspec
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm.access.roles import may
from crm.api.base import Noun
from crm.api.bulk import results_schema
from crm.api.errors import Invalid, Problem
from crm.api.fields import Shape
from crm.api.filters import CustomerFilter, MomentFilter
from crm.api.structs import Fault, read_item, read_uuid
from crm.lib import masks
from crm.lib.ids import uuid7
from crm.lib.paging import Sort
from crm.models import Channel, Topic
from messaging.models import Message, Template
from messaging.outbox.authoring import NOT_REGISTERED
from messaging.outbox.queue import MessageRequest, queue_messages
from messaging.rendering.shortening import LinkRules
from messaging.selectors import log
from messaging.texts import liquid

MAX_MESSAGES = 1000
_MASKS = {Channel.SMS: masks.mask_phone, Channel.EMAIL: masks.mask_email, Channel.LINE: masks.mask_text}


class MessageFilters(django_filters.FilterSet):  # type: ignore[misc] # ships no types
    customer = CustomerFilter()
    state = django_filters.ChoiceFilter(choices=Message.State.choices)
    channel = django_filters.ChoiceFilter(choices=Channel.choices)
    topic = django_filters.CharFilter(field_name="topic__slug")
    template = django_filters.CharFilter(field_name="template__slug")
    search = django_filters.CharFilter(method="find", label="part of the customer's name, or of an address of theirs")
    created_after = MomentFilter(field_name="queued_at", lookup_expr="gt")
    created_before = MomentFilter(field_name="queued_at", lookup_expr="lt")

    class Meta:
        model = Message
        fields: list[str] = []

    def find(self, rows: QuerySet[Message], name: str, text: str) -> QuerySet[Message]:
        view = self.request.parser_context["view"]
        return rows.filter(log.whose(view.visible_customers(), text)[0])


class MessageShape(Shape):
    id = serializers.UUIDField(source="public_id")
    customer = serializers.UUIDField(source="customer.public_id")
    channel = serializers.ChoiceField(choices=Channel.choices)
    topic = serializers.CharField(source="topic.slug")
    template = serializers.CharField(source="template.slug", default=None)
    address = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=Message.State.choices)
    reason = serializers.CharField(help_text="why it is held, was withheld or failed")
    subject = serializers.CharField()
    body = serializers.SerializerMethodField(
        help_text="what left; before, the text as it was given, or nothing while a template has yet to be filled in"
    )
    segments = serializers.IntegerField(help_text="of an SMS")
    cause = serializers.DictField(help_text="what made it")
    created_at = serializers.DateTimeField(source="queued_at")
    sent_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    provider = serializers.CharField()
    provider_reference = serializers.CharField()

    def get_body(self, message: Message) -> str:
        return message.body or message.source_body

    def get_address(self, message: Message) -> str:
        staff = self.context["view"].staff
        if staff is None or may(staff, "contacts.reveal"):
            return message.address
        return _MASKS[Channel(message.channel)](message.address)


class _Said(msgspec.Struct, forbid_unknown_fields=True):
    customer: str
    channel: str
    topic: str
    template: str = ""
    subject: Annotated[str, msgspec.Meta(max_length=200)] = ""
    body: Annotated[str, msgspec.Meta(max_length=liquid.MAX_SOURCE)] = ""
    dedupe_key: Annotated[str, msgspec.Meta(max_length=100)] = ""


MESSAGE_SCHEMA = {
    "type": "object",
    "required": ["customer", "channel", "topic"],
    "properties": {
        "customer": {"type": "string", "format": "uuid"},
        "channel": {"type": "string", "enum": Channel.values},
        "topic": {"type": "string", "example": "order_updates"},
        "template": {"type": "string", "description": "slug; or `body`"},
        "subject": {"type": "string", "maxLength": 200},
        "body": {"type": "string", "maxLength": liquid.MAX_SOURCE, "description": "Liquid"},
        "dedupe_key": {"type": "string", "maxLength": 100, "description": "the same again is the same message"},
    },
    "additionalProperties": False,
}
SEND_SCHEMA = {
    "type": "object",
    "required": ["messages"],
    "properties": {"messages": {"type": "array", "maxItems": MAX_MESSAGES, "items": MESSAGE_SCHEMA}},
    "additionalProperties": False,
}
RESULTS_SCHEMA = results_schema(
    ("accepted", "duplicate", "invalid"),
    id={"type": "string", "format": "uuid"}, state={"type": "string"}, reason={"type": "string"},
)  # fmt: skip


@extend_schema_view(list=extend_schema(summary="List messages"), retrieve=extend_schema(summary="Get a message"))
class MessageView(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun):
    scope = "messages"
    scopes = {"send": ("messages:send",)}
    queryset = Message.objects.none()
    serializer_class = MessageShape
    filterset_class = MessageFilters
    sort = Sort("id")

    def get_queryset(self) -> QuerySet[Message]:
        found = Message.objects.visible_to(self.staff) if self.staff else Message.objects.all()
        return found.select_related("customer", "topic", "template")

    @extend_schema(
        summary="Write to customers",
        description=(
            "Each item is judged for itself. An accepted message is queued: whether it may go out — consent, quiet "
            "hours, caps — is decided when it is sent, and its `state` and `reason` say so then."
        ),
        request={"application/json": SEND_SCHEMA}, responses={202: RESULTS_SCHEMA},
    )  # fmt: skip
    @transaction.atomic
    def send(self, request: Request) -> Response:
        said = _messages_of(request.data)  # type: ignore[arg-type] # the parser takes nothing but objects
        desk = _Desk(self, [entry for entry in said if isinstance(entry, _Said)])
        read = [desk.read(entry) if isinstance(entry, _Said) else entry for entry in said]
        requests = [entry for entry in read if isinstance(entry, MessageRequest)]
        queued = iter(queue_messages(requests, now=self.now))
        outcomes = [entry if isinstance(entry, Fault) else next(queued) for entry in read]
        return Response({"results": _results(outcomes, self.now)}, status=202)


def _results(outcomes: Sequence[Message | Fault], now: datetime) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    seen: set[int] = set()
    for outcome in outcomes:
        if isinstance(outcome, Fault):
            results.append({"status": "invalid", "errors": [outcome.as_json()]})
            continue
        is_new = outcome.queued_at == now and outcome.pk not in seen
        seen.add(outcome.pk)
        results.append(
            {
                "id": str(outcome.public_id),
                "status": "accepted" if is_new else "duplicate",
                "state": outcome.state,
                "reason": outcome.reason,
            }
        )
    return results


class _Desk:
    """What a batch of messages speaks of, read once: customers, topics, templates, and where links may lead."""

    def __init__(self, view: MessageView, said: Sequence[_Said]) -> None:
        named = {who for entry in said if (who := read_uuid(entry.customer))}
        self._people = dict(view.visible_customers().filter(public_id__in=named).values_list("public_id", "pk"))
        self._topics = set(Topic.objects.values_list("slug", flat=True))
        self._links = LinkRules.current()
        slugs = {entry.template for entry in said if entry.template}
        published = Template.objects.filter(slug__in=slugs, versions__published_at__isnull=False)
        self._templates = set(published.values_list("slug", "channel"))
        self._source = view.source
        self._cause = {"kind": "staff", "user": view.staff.pk} if view.staff else {"kind": "api", "source": view.source}

    def read(self, said: _Said) -> MessageRequest | Fault:
        """One message as the outbox wants it, or what is wrong with it."""
        who = read_uuid(said.customer)
        customer_id = self._people.get(who) if who else None
        if customer_id is None:
            return Fault("/customer", "unknown_customer", _("There is no such customer."))
        if fault := self._fault(said):
            return fault
        return MessageRequest(
            customer_id=customer_id,
            channel=said.channel,
            topic=said.topic,
            template=said.template,
            subject=said.subject,
            body=said.body,
            dedupe_key=f"api:{self._source}:{said.dedupe_key or uuid7()}",
            cause=self._cause,
        )

    def _fault(self, said: _Said) -> Fault | None:
        if said.channel not in Channel.values:
            return Fault("/channel", "invalid_choice", _("There is no such channel."))
        if said.topic not in self._topics:
            return Fault("/topic", "unknown_topic", _("There is no such topic."))
        if bool(said.template) == bool(said.body.strip()):
            return Fault("/body", "invalid", _("A message has either a template or a body."))
        if said.template and (said.template, said.channel) not in self._templates:
            return Fault("/template", "unknown_template", _("There is no such template for this channel."))
        if said.body and said.channel == Channel.EMAIL and not said.subject.strip():
            return Fault("/subject", "required", _("An email needs a subject."))
        if any(char < " " for char in said.subject):
            text = _("Line breaks and control characters are not allowed.")
            return Fault("/subject", "invalid_header", text)
        for name in ("subject", "body"):
            try:
                liquid.parse(getattr(said, name))
            except liquid.InvalidTemplate as error:
                return Fault(f"/{name}", error.code, str(error))
        if said.channel == Channel.SMS and (stranger := self._links.stranger(said.body)):
            text = _("It links to a domain that is not registered: %(url)s")
            return Fault("/body", NOT_REGISTERED, text % {"url": stranger[0]})
        return None


def _messages_of(body: Mapping[str, Any]) -> list[_Said | Fault]:
    messages = body.get("messages")
    if not isinstance(messages, list):
        raise Invalid("/messages", "required" if messages is None else "invalid", _("must be a list of messages"))
    if len(messages) > MAX_MESSAGES:
        raise Problem(
            "batch_too_large", _("A batch has at most %(most)s messages.") % {"most": MAX_MESSAGES}, at="/messages"
        )
    if unknown := next((name for name in body if name != "messages"), None):
        raise Invalid(f"/{unknown}", "unknown_field", _("Unknown field."))
    return [read_item(message, _Said) for message in messages]
