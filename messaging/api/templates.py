"""Templates: what messages say, by channel and language."""

from __future__ import annotations

from collections.abc import Mapping

import django_filters
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api.base import Noun
from crm.api.fields import Given, Shape, checked, faults
from crm.lib.paging import Sort
from crm.models import Channel
from messaging.models import Template, TemplateVersion
from messaging.outbox import authoring
from messaging.outbox.authoring import InvalidTemplate, VariantIn

VARIANTS_SCHEMA = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "properties": {name: {"type": "string"} for name in ("subject", "body", "html", "mjml")},
    },
    "example": {"en": {"body": "Hello {{ customer.first_name }}"}, "th": {"body": "สวัสดี {{ customer.first_name }}"}},
}


class TemplateFilters(django_filters.FilterSet):  # type: ignore[misc] # ships no types
    slug = django_filters.CharFilter()
    channel = django_filters.ChoiceFilter(choices=Channel.choices)
    search = django_filters.CharFilter(field_name="name", lookup_expr="icontains", label="part of the name")

    class Meta:
        model = Template
        fields: list[str] = []


class TemplateShape(Shape):
    id = serializers.UUIDField(source="public_id")
    slug = serializers.CharField()
    channel = serializers.ChoiceField(choices=Channel.choices)
    name = serializers.CharField()
    version = serializers.SerializerMethodField(help_text="what is sent now")
    variants = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    @extend_schema_field({"type": "integer", "nullable": True})
    def get_version(self, template: Template) -> int | None:
        live = self._live(template)
        return live.number if live else None

    @extend_schema_field(VARIANTS_SCHEMA)
    def get_variants(self, template: Template) -> dict[str, dict[str, str]]:
        live = self._live(template)
        return {
            variant.language: {name: getattr(variant, name) for name in ("subject", "body", "html", "mjml")}
            for variant in (live.variants.all() if live else ())
        }

    def _live(self, template: Template) -> TemplateVersion | None:
        """The newest published version, of those that the view has loaded."""
        return max(template.published, key=lambda version: version.number, default=None)  # type: ignore[attr-defined]


class VariantGiven(Given):
    body = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False, max_length=20_000)
    subject = serializers.CharField(required=False, allow_blank=True, max_length=200)
    html = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False, max_length=20_000)
    mjml = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False, max_length=20_000)


class TemplateGiven(Given):
    slug = serializers.CharField(max_length=64)
    channel = serializers.ChoiceField(choices=Channel.choices)
    name = serializers.CharField(required=False, allow_blank=True, max_length=100)
    variants = serializers.DictField(child=VariantGiven(), help_text="by language")


@extend_schema_view(list=extend_schema(summary="List templates"), retrieve=extend_schema(summary="Get a template"))
class TemplateView(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun):
    scope = "templates"
    queryset = Template.objects.none()
    serializer_class = TemplateShape
    filterset_class = TemplateFilters
    sort = Sort("id")

    def get_queryset(self) -> QuerySet[Template]:
        published = TemplateVersion.objects.published().prefetch_related("variants")
        return Template.objects.prefetch_related(Prefetch("versions", published, to_attr="published"))

    @extend_schema(
        summary="Add a template, or its next version", request=TemplateGiven, responses={201: TemplateShape},
        description=(
            "Texts are Liquid. What is sent from now on is this version, also for messages that wait. "
            "An email whose `body` is an MJML or HTML document is taken as such; its plain text is made of that."
        ),
    )  # fmt: skip
    @transaction.atomic
    def create(self, request: Request) -> Response:
        given = checked(TemplateGiven(data=request.data))
        texts = given.pop("variants")
        documents = {language: kind for language, text in texts.items() if (kind := _document(given["channel"], text))}
        for language, kind in documents.items():
            texts[language] = {**texts[language], kind: texts[language]["body"], "body": ""}
        variants = {language: VariantIn(**text) for language, text in texts.items()}
        try:
            version = authoring.save_template(variants=variants, author=self.staff, now=self.now, **given)
        except InvalidTemplate as error:
            raise _named(error, documents) from error
        return self.answer(self.get_queryset().get(pk=version.template_id), 201)


def _document(channel: str, text: dict[str, str]) -> str:
    """ "mjml" or "html" when that is what `body` is: nobody means to send its source as the plain text of an email."""
    if channel != Channel.EMAIL or text.get("mjml") or text.get("html"):
        return ""
    start = text.get("body", "").lstrip()[:14].lower()
    return "mjml" if start.startswith("<mjml") else "html" if start.startswith(("<!doctype html", "<html")) else ""


def _named(error: InvalidTemplate, documents: Mapping[str, str]) -> ValidationError:
    """Every fault at its place in the body: "variants.en.body" stands at /variants/en/body, also of a document."""
    bodies = {f"variants.{language}.{kind}": f"variants.{language}.body" for language, kind in documents.items()}
    return faults(
        (
            bodies.get(fault.path, fault.path).split(".", 2),
            f"{fault.message} (line {fault.line})" if fault.line else fault.message,
            fault.code,
        )
        for fault in error.faults
    )
