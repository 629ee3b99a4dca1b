"""All crm tables; import them from here."""

from crm.models.access import ApiKey, IdempotencyRecord, RejectedEvent, Source
from crm.models.consent import Channel, Consent, ConsentEvent, State, Topic
from crm.models.coupon import Coupon
from crm.models.customer import Company, Customer, CustomerMerge, Identity, Tag
from crm.models.event import Event, FailedReaction
from crm.models.hook import HookDelivery, HookSecret, WebhookEndpoint
from crm.models.operation import ConfigurationStamp, Heartbeat, ReplayRun
from crm.models.product import Product
from crm.models.promotion import Promotion
from crm.models.purchase import Purchase, PurchaseItem, Refund
from crm.models.review import Review
from crm.models.segment import Segment, SegmentChange, SegmentMember
from crm.models.shop import Shop
from crm.models.ticket import Ticket, TicketAttachment, TicketMessage
from crm.models.touchpoint import Touchpoint, TouchpointVisit
from crm.models.user import User
from crm.models.work import Note, Task

__all__ = [
    "ApiKey",
    "Channel",
    "Company",
    "ConfigurationStamp",
    "Consent",
    "ConsentEvent",
    "Coupon",
    "Customer",
    "CustomerMerge",
    "Event",
    "FailedReaction",
    "Heartbeat",
    "HookDelivery",
    "HookSecret",
    "IdempotencyRecord",
    "Identity",
    "Note",
    "Product",
    "Promotion",
    "Purchase",
    "PurchaseItem",
    "Refund",
    "RejectedEvent",
    "ReplayRun",
    "Review",
    "Segment",
    "SegmentChange",
    "SegmentMember",
    "Shop",
    "Source",
    "State",
    "Tag",
    "Task",
    "Ticket",
    "TicketAttachment",
    "TicketMessage",
    "Topic",
    "Touchpoint",
    "TouchpointVisit",
    "User",
    "WebhookEndpoint",
]
