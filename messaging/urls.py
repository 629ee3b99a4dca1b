"""The pages of messaging."""

from django.urls import path

from messaging.views import (
    broadcast_changes,
    broadcast_results,
    broadcasts,
    channels,
    compose,
    deliveries,
    inbound,
    messages,
    prices,
    rules,
    sandbox,
    suppressions,
    templates,
    topics,
)

app_name = "messaging"
urlpatterns = [
    # The log
    path("messages/", messages.message_list, name="message_list"),
    path("messages/unclear/", messages.message_unclear, name="message_unclear"),
    path("messages/failed/", messages.message_failed, name="message_failed"),
    path("messages/delivery/", deliveries.delivery_health, name="delivery_health"),
    path("messages/measure/", compose.measure, name="measure"),
    path("messages/inbound/", inbound.inbound_list, name="inbound_list"),
    path("messages/inbound/<int:pk>/", inbound.inbound_detail, name="inbound_detail"),
    path("messages/<uuid:public_id>/", messages.message_detail, name="message_detail"),
    path("messages/<uuid:public_id>/cancel/", messages.message_cancel, name="message_cancel"),
    path("messages/<uuid:public_id>/resolve/", messages.message_resolve, name="message_resolve"),
    # Broadcasts
    path("messages/broadcasts/", broadcasts.broadcast_list, name="broadcast_list"),
    path("messages/broadcasts/new/", broadcasts.broadcast_create, name="broadcast_create"),
    path("messages/broadcasts/<uuid:public_id>/", broadcast_results.broadcast_detail, name="broadcast_detail"),
    path("messages/broadcasts/<uuid:public_id>/edit/", broadcasts.broadcast_edit, name="broadcast_edit"),
    path("messages/broadcasts/<uuid:public_id>/review/", broadcasts.broadcast_review, name="broadcast_review"),
    path("messages/broadcasts/<uuid:public_id>/test/", broadcasts.broadcast_test, name="broadcast_test"),
    path("messages/broadcasts/<uuid:public_id>/behind/", broadcast_results.broadcast_behind, name="broadcast_behind"),
    path("messages/broadcasts/<uuid:public_id>/winner/", broadcast_changes.broadcast_winner, name="broadcast_winner"),
    path(
        "messages/broadcasts/<uuid:public_id>/<slug:change>/", broadcast_changes.broadcast_change,
        name="broadcast_change",
    ),  # fmt: skip
    # Writing to one customer
    path("customers/<uuid:public_id>/sms/", compose.send_sms, name="send_sms"),
    path("customers/<uuid:public_id>/email/", compose.send_email, name="send_email"),
    # Templates
    path("templates/", templates.template_list, name="template_list"),
    path("templates/new/", templates.template_create, name="template_create"),
    path("templates/<uuid:public_id>/", templates.template_detail, name="template_detail"),
    path("templates/<uuid:public_id>/edit/", templates.template_edit, name="template_edit"),
    path("templates/<uuid:public_id>/test/", templates.template_test, name="template_test"),
    # The sandbox phone
    path("sandbox/", sandbox.sandbox, name="sandbox"),
    path("sandbox/new/", sandbox.sandbox_new, name="sandbox_new"),
    path("sandbox/<slug:key>/", sandbox.sandbox_talk, name="sandbox_talk"),
    path("sandbox/<slug:key>/reply/", sandbox.sandbox_reply, name="sandbox_reply"),
    path("sandbox/<slug:key>/receipt/", sandbox.sandbox_receipt, name="sandbox_receipt"),
    path("sandbox/<slug:key>/letter/", sandbox.sandbox_letter, name="sandbox_letter"),
    # Settings
    path("settings/channels/", channels.channel_list, name="channel_list"),
    path("settings/channels/switch/", channels.sending_switch, name="sending_switch"),
    path("settings/channels/<slug:channel>/", channels.channel_edit, name="channel_edit"),
    path("settings/channels/<slug:channel>/test/", channels.channel_trial, name="channel_trial"),
    path("settings/channels/<slug:channel>/switch/", channels.channel_switch, name="channel_switch"),
    path("settings/channels/<slug:channel>/circuit/", channels.channel_circuit, name="channel_circuit"),
    path("settings/sending/", rules.rule_page, name="rules"),
    path("settings/sending/words/", rules.words, name="words"),
    path("settings/sending/links/", rules.link_rules, name="link_rules"),
    path("settings/sending/quiet/new/", rules.quiet_edit, name="quiet_create"),
    path("settings/sending/quiet/<int:pk>/", rules.quiet_edit, name="quiet_edit"),
    path("settings/sending/quiet/<int:pk>/remove/", rules.quiet_remove, name="quiet_remove"),
    path("settings/prices/", prices.price_list, name="price_list"),
    path("settings/prices/new/", prices.price_edit, name="price_create"),
    path("settings/prices/example/", prices.price_example, name="price_example"),
    path("settings/prices/<int:pk>/", prices.price_edit, name="price_edit"),
    path("settings/prices/<int:pk>/remove/", prices.price_remove, name="price_remove"),
    path("settings/topics/", topics.topic_list, name="topic_list"),
    path("settings/topics/new/", topics.topic_create, name="topic_create"),
    path("settings/topics/<slug:slug>/", topics.topic_edit, name="topic_edit"),
    path("settings/suppressions/", suppressions.suppression_list, name="suppression_list"),
    path("settings/suppressions/new/", suppressions.suppression_create, name="suppression_create"),
    path("settings/suppressions/<int:pk>/lift/", suppressions.suppression_lift, name="suppression_lift"),
]
