"""Tickets: enquiries and after-sales help, and their conversation."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db import transaction
from django.db.models import QuerySet
from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api.base import Noun
from crm.api.fields import CustomerField, Given, MomentField, PurchaseField, Shape, checked, named_faults
from crm.api.filters import CustomerFilter
from crm.api.lookups import customer_behind, purchase_behind
from crm.lib import uploads
from crm.lib.downloads import to_save
from crm.lib.paging import Sort
from crm.lib.uploads import MOST
from crm.models import Ticket, TicketAttachment, TicketMessage
from crm.services import tickets


class TicketFilters(django_filters.FilterSet):  # type: ignore[misc] # ships no types
    customer = CustomerFilter()
    kind = django_filters.ChoiceFilter(choices=Ticket.Kind.choices)
    status = django_filters.ChoiceFilter(choices=Ticket.Status.choices)
    search = django_filters.CharFilter(field_name="subject", lookup_expr="icontains", label="part of the subject")

    class Meta:
        model = Ticket
        fields: list[str] = []


class AttachmentShape(Shape):
    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()
    content_type = serializers.CharField(help_text='by what is in it; "" while it is not kept')
    size = serializers.IntegerField(help_text="bytes")
    state = serializers.CharField(help_text="kept, awaited (a provider still has it), or refused")
    refusal = serializers.CharField(help_text='why it is not kept: too_large, kind, lost …; "" when it is')
    url = serializers.SerializerMethodField(help_text="where it is downloaded, with the same rights; null unless kept")

    def get_url(self, row: TicketAttachment) -> str | None:
        return row.get_api_url() if row.file else None


class TurnShape(Shape):
    id = serializers.UUIDField(source="public_id")
    author = serializers.ChoiceField(choices=TicketMessage.Author.choices)
    channel = serializers.CharField()
    body = serializers.CharField()
    gone = serializers.CharField(help_text='why its words are not there any more: taken_back, aged; "" when they are')
    attachments = AttachmentShape(many=True)
    created_at = serializers.DateTimeField()


class TicketShape(Shape):
    id = serializers.UUIDField(source="public_id")
    number = serializers.CharField(help_text="what staff call it")
    customer = serializers.UUIDField(source="customer.public_id")
    kind = serializers.ChoiceField(choices=Ticket.Kind.choices)
    subject = serializers.CharField()
    status = serializers.ChoiceField(choices=Ticket.Status.choices)
    priority = serializers.ChoiceField(choices=Ticket.Priority.choices)
    complaint = serializers.BooleanField(source="is_complaint")
    channel = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment] # a field of that name
    purchase = serializers.CharField(source="purchase.reference", default=None, help_text="its order number")
    opened_at = serializers.DateTimeField()
    first_replied_at = serializers.DateTimeField(allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    messages = TurnShape(many=True)


class TicketGiven(Given):
    customer = CustomerField()
    subject = serializers.CharField(max_length=200)
    body = serializers.CharField(required=False, allow_blank=True, max_length=50_000, help_text="their first message")
    kind = serializers.ChoiceField(choices=Ticket.Kind.choices, required=False)
    channel = serializers.CharField(required=False, allow_blank=True, max_length=16)
    priority = serializers.ChoiceField(choices=Ticket.Priority.choices, required=False)
    complaint = serializers.BooleanField(required=False, source="is_complaint")
    purchase = PurchaseField(required=False)
    opened_at = MomentField(required=False, help_text="now unless given")


class TurnGiven(Given):
    author = serializers.ChoiceField(choices=TicketMessage.Author.choices)
    body = serializers.CharField(max_length=50_000)
    channel = serializers.CharField(required=False, allow_blank=True, max_length=16)


class TurnWithFilesGiven(TurnGiven):
    """The same as a form, with files."""

    files = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True), required=False, max_length=MOST,
        help_text="up to 20 of 10 MB each, 25 MB together, of the kinds that tickets keep",
    )  # fmt: skip


class TicketStatusGiven(Given):
    status = serializers.ChoiceField(choices=Ticket.Status.choices)


@extend_schema_view(
    list=extend_schema(summary="List tickets"), retrieve=extend_schema(summary="Get a ticket with its conversation")
)
class TicketView(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun):
    scope = "tickets"
    queryset = Ticket.objects.none()
    serializer_class = TicketShape
    filterset_class = TicketFilters
    sort = Sort("id")

    def get_queryset(self) -> QuerySet[Ticket]:
        found = Ticket.objects.visible_to(self.staff) if self.staff else Ticket.objects.all()
        return found.select_related("customer", "purchase").prefetch_related("messages__attachments")

    @extend_schema(summary="Open a ticket", request=TicketGiven, responses={201: TicketShape})
    @transaction.atomic
    def create(self, request: Request) -> Response:
        given = checked(TicketGiven(data=request.data, context=self.get_serializer_context()))
        customer = customer_behind(given.pop("customer"), self)
        given["purchase"] = purchase_behind(given.get("purchase"), customer)
        with named_faults():
            ticket = tickets.open_ticket(customer=customer, source=self.source, now=self.now, **given)
        return self.answer(self.get_queryset().get(pk=ticket.pk), 201)

    @extend_schema(
        summary="Add what the customer wrote, a reply, or an internal note",
        description="A reply is also sent to the customer when its channel (else the one they last wrote on) is sms, "
        "email or line: with its "
        "files attached by email, as pictures or links by line, as links by sms. Files come as a form.",
        request={"application/json": TurnGiven, "multipart/form-data": TurnWithFilesGiven},
        responses={201: TicketShape},
    )  # fmt: skip
    @transaction.atomic
    def add_message(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        ticket = self.get_locked()
        shape = TurnWithFilesGiven if request.FILES else TurnGiven
        given = checked(shape(data=request.data, context=self.get_serializer_context()))
        files = [uploads.read(file) for file in given.pop("files", ())]
        with named_faults():
            tickets.add_message(ticket, staff=self.staff, now=self.now, files=files, **given)
        return self.answer(self.get_object(), 201)

    @extend_schema(
        summary="Download a file that came with a turn",
        description="Always to be saved (Content-Disposition: attachment); 404 for one that is not kept.",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )  # fmt: skip
    def attachment(self, request: Request, *args: Any, **kwargs: Any) -> FileResponse:
        theirs = TicketAttachment.objects.filter(message__ticket=self.get_object()).exclude(file="")
        row = get_object_or_404(theirs, public_id=self.kwargs["attachment"])
        return to_save(row.file, name=row.name, content_type=row.content_type)

    @extend_schema(summary="Move a ticket along", request=TicketStatusGiven, responses=TicketShape)
    @transaction.atomic
    def set_status(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        ticket = self.get_locked()
        given = checked(TicketStatusGiven(data=request.data, context=self.get_serializer_context()))
        tickets.set_status(ticket, given["status"], now=self.now)
        return self.answer(self.get_object())
