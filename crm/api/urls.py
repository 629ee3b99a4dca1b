"""The API of crm, its schema and its page. config mounts this last of all APIs: it answers for what nobody has."""

from django.urls import path, re_path

from crm.api import docs
from crm.api.coupons import CouponView
from crm.api.customers import CustomerView
from crm.api.events import EventView
from crm.api.parsers import FilesParser, StrictJSONParser
from crm.api.products import ProductView
from crm.api.promotions import PromotionView
from crm.api.purchases import PurchaseView
from crm.api.reviews import ReviewView
from crm.api.segments import SegmentMemberView, SegmentView
from crm.api.tasks import TaskView
from crm.api.tickets import TicketView
from crm.api.touchpoints import TouchpointView
from crm.api.webhook_endpoints import DeliveryView, EndpointView

app_name = "api"
urlpatterns = [
    path("schema/", docs.Schema.as_view(), name="schema"),
    path("docs/", docs.Page.as_view(), name="docs"),
    path("problems/<slug:code>/", docs.problem, name="problem"),
    path("v1/customers/", CustomerView.as_view({"get": "list", "post": "create"})),
    path("v1/customers/upsert/", CustomerView.as_view({"post": "upsert"})),
    path("v1/customers/<uuid:id>/", CustomerView.as_view({"get": "retrieve", "patch": "partial_update"})),
    path("v1/customers/<uuid:id>/timeline/", CustomerView.as_view({"get": "timeline"})),
    path("v1/customers/<uuid:id>/consents/", CustomerView.as_view({"get": "consents", "put": "record_consents"})),
    path("v1/purchases/", PurchaseView.as_view({"get": "list"})),
    path("v1/purchases/<slug:source>/<str:reference>/", PurchaseView.as_view({"get": "retrieve", "put": "record"})),
    path("v1/purchases/<slug:source>/<str:reference>/status/", PurchaseView.as_view({"post": "set_status"})),
    path("v1/purchases/<slug:source>/<str:reference>/refunds/", PurchaseView.as_view({"post": "refund"})),
    path("v1/products/", ProductView.as_view({"get": "list"})),
    path("v1/events/", EventView.as_view({"get": "list", "post": "report"})),
    path("v1/tickets/", TicketView.as_view({"get": "list", "post": "create"})),
    path("v1/tickets/<uuid:id>/", TicketView.as_view({"get": "retrieve"})),
    path(
        "v1/tickets/<uuid:id>/messages/",
        TicketView.as_view({"post": "add_message"}, parser_classes=[StrictJSONParser, FilesParser]),
    ),
    path("v1/tickets/<uuid:id>/status/", TicketView.as_view({"post": "set_status"})),
    path(
        "v1/tickets/<uuid:id>/attachments/<uuid:attachment>/",
        TicketView.as_view({"get": "attachment"}),
        name="ticket_attachment",
    ),
    path("v1/tasks/", TaskView.as_view({"get": "list", "post": "create"})),
    path("v1/tasks/<uuid:id>/", TaskView.as_view({"get": "retrieve", "patch": "partial_update"})),
    path("v1/tasks/<uuid:id>/complete/", TaskView.as_view({"post": "complete"})),
    path("v1/tasks/<uuid:id>/reopen/", TaskView.as_view({"post": "reopen"})),
    path("v1/reviews/", ReviewView.as_view({"get": "list", "post": "create"})),
    path("v1/reviews/<uuid:id>/", ReviewView.as_view({"get": "retrieve"})),
    path("v1/reviews/<uuid:id>/moderate/", ReviewView.as_view({"post": "moderate"})),
    path("v1/reviews/<uuid:id>/reply/", ReviewView.as_view({"post": "reply"})),
    path("v1/segments/", SegmentView.as_view({"get": "list", "post": "create"})),
    path("v1/segments/preview/", SegmentView.as_view({"post": "preview"})),
    path(
        "v1/segments/<slug:slug>/",
        SegmentView.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("v1/segments/<slug:slug>/members/", SegmentMemberView.as_view({"get": "list"})),
    path("v1/segments/<slug:slug>/refresh/", SegmentView.as_view({"post": "refresh"})),
    path("v1/touchpoints/", TouchpointView.as_view({"get": "list", "post": "create"})),
    path("v1/touchpoints/<uuid:id>/", TouchpointView.as_view({"get": "retrieve"})),
    path("v1/promotions/", PromotionView.as_view({"get": "list", "post": "create"})),
    path("v1/promotions/<uuid:id>/", PromotionView.as_view({"get": "retrieve", "patch": "partial_update"})),
    path("v1/promotions/<uuid:id>/coupons/", PromotionView.as_view({"post": "make_codes"})),
    path("v1/coupons/", CouponView.as_view({"get": "list"})),
    path("v1/coupons/validate/", CouponView.as_view({"post": "validate"})),
    path("v1/coupons/redeem/", CouponView.as_view({"post": "redeem"})),
    path("v1/coupons/<str:code>/void/", CouponView.as_view({"post": "void"})),
    path("v1/coupons/<uuid:id>/", CouponView.as_view({"get": "retrieve"})),
    path("v1/webhook-endpoints/", EndpointView.as_view({"get": "list", "post": "create"})),
    path(
        "v1/webhook-endpoints/<uuid:id>/",
        EndpointView.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("v1/webhook-endpoints/<uuid:endpoint>/deliveries/", DeliveryView.as_view({"get": "list"})),
    path(
        "v1/webhook-endpoints/<uuid:endpoint>/deliveries/<uuid:id>/replay/",
        DeliveryView.as_view({"post": "replay"}),
    ),
    re_path(r"^.*$", docs.Nothing.as_view()),
]
