"""The pages of crm."""

from django.urls import path

from crm.views import customers, purchases, reviews, rules, segments, settings, tickets, today, touchpoints, work

app_name = "crm"
urlpatterns = [
    path("", today.today, name="today"),
    path("search/", today.search, name="search"),
    path("tasks/<uuid:public_id>/done/", today.task_done, name="task_done"),
    path("tasks/<uuid:public_id>/open/", today.task_reopen, name="task_reopen"),
    # Customers
    path("customers/", customers.customer_list, name="customer_list"),
    path("customers/new/", customers.customer_create, name="customer_create"),
    path("customers/<uuid:public_id>/", customers.customer_detail, name="customer_detail"),
    path("customers/<uuid:public_id>/edit/<slug:name>/", customers.customer_field, name="customer_field"),
    path("customers/<uuid:public_id>/ids/", customers.customer_ids, name="customer_ids"),
    path("customers/<uuid:public_id>/tags/", customers.customer_tags, name="customer_tags"),
    path("customers/<uuid:public_id>/consent/", customers.customer_consent, name="customer_consent"),
    path("customers/<uuid:public_id>/notes/", work.note_add, name="note_add"),
    path("customers/<uuid:public_id>/calls/", work.call_add, name="call_add"),
    path("customers/<uuid:public_id>/tasks/", work.task_add, name="task_add"),
    path("customers/<uuid:public_id>/tickets/new/", tickets.ticket_create, name="ticket_create"),
    path("customers/<uuid:public_id>/reviews/new/", reviews.review_create, name="review_create"),
    path("customers/<uuid:public_id>/purchases/new/", purchases.purchase_create, name="purchase_create"),
    # Segments
    path("segments/", segments.segment_list, name="segment_list"),
    path("segments/new/", segments.segment_create, name="segment_create"),
    path("segments/<slug:slug>/", segments.segment_detail, name="segment_detail"),
    path("segments/<slug:slug>/edit/", segments.segment_edit, name="segment_edit"),
    path("segments/<slug:slug>/refresh/", segments.segment_refresh, name="segment_refresh"),
    path("segments/<slug:slug>/delete/", segments.segment_delete, name="segment_delete"),
    path("rules/preview/", rules.preview, name="rule_preview"),
    path("rules/properties/", rules.properties, name="rule_properties"),
    # Purchases
    path("purchases/", purchases.purchase_list, name="purchase_list"),
    path("purchases/late/", purchases.purchase_late, name="purchase_late"),
    path("purchases/<uuid:public_id>/", purchases.purchase_detail, name="purchase_detail"),
    path("purchases/<uuid:public_id>/status/", purchases.purchase_status, name="purchase_status"),
    path("purchases/<uuid:public_id>/arrived/", purchases.purchase_arrived, name="purchase_arrived"),
    path("purchases/<uuid:public_id>/refunds/", purchases.purchase_refund, name="purchase_refund"),
    # Inbox
    path("inbox/", tickets.inbox, name="inbox"),
    path("inbox/<uuid:public_id>/", tickets.ticket_detail, name="ticket_detail"),
    path("inbox/<uuid:public_id>/reply/", tickets.ticket_reply, name="ticket_reply"),
    path("inbox/<uuid:public_id>/note/", tickets.ticket_note, name="ticket_note"),
    path("inbox/<uuid:public_id>/set/", tickets.ticket_set, name="ticket_set"),
    # Reviews
    path("reviews/", reviews.review_list, name="review_list"),
    path("reviews/unanswered/", reviews.review_unanswered, name="review_unanswered"),
    path("reviews/<uuid:public_id>/publish/", reviews.review_publish, name="review_publish"),
    path("reviews/<uuid:public_id>/reject/", reviews.review_reject, name="review_reject"),
    path("reviews/<uuid:public_id>/reply/", reviews.review_reply, name="review_reply"),
    # Reach
    path("reach/", touchpoints.touchpoint_list, name="touchpoint_list"),
    path("reach/new/", touchpoints.touchpoint_create, name="touchpoint_create"),
    path("reach/<uuid:public_id>/", touchpoints.touchpoint_detail, name="touchpoint_detail"),
    path("reach/<uuid:public_id>/qr.<slug:kind>", touchpoints.touchpoint_qr, name="touchpoint_qr"),
    path("t/<slug:code>", touchpoints.follow, name="follow"),
    # Settings
    path("settings/", settings.index, name="settings"),
    path("settings/shop/", settings.shop_settings, name="shop"),
    path("settings/staff/", settings.staff_list, name="staff_list"),
    path("settings/staff/new/", settings.staff_create, name="staff_create"),
    path("settings/staff/<str:username>/", settings.staff_edit, name="staff_edit"),
    path("settings/staff/<str:username>/second-step/", settings.staff_second_step, name="staff_second_step"),
    path("settings/roles/", settings.roles, name="roles"),
    path("settings/sources/", settings.source_list, name="source_list"),
    path("settings/sources/new/", settings.source_create, name="source_create"),
    path("settings/sources/<slug:slug>/", settings.source_change, name="source_change"),
    path("settings/sources/<slug:slug>/edit/", settings.source_edit, name="source_edit"),
    path("settings/keys/", settings.key_list, name="key_list"),
    path("settings/keys/new/", settings.key_create, name="key_create"),
    path("settings/keys/<str:prefix>/revoke/", settings.key_revoke, name="key_revoke"),
    path("settings/reactions/", settings.reaction_list, name="reaction_list"),
    path("settings/reactions/retry/", settings.reaction_retry, name="reaction_retry"),
    path("profile/", settings.profile, name="profile"),
    path("profile/switch/", settings.set_preference, name="set_preference"),
]
