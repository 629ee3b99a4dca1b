"""Settings to start from. Gateways change theirs: have these checked against the account's own documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from messaging.channels.base import Preset

JSON_GATEWAY: Mapping[str, Any] = {
    "url": "https://gateway.example/messages",
    "auth": {"bearer": "YOUR API KEY"},
    "headers": {"Idempotency-Key": "{{ message.key }}"},
    "json": {
        "to": "{{ message.to }}",
        "from": "{{ message.sender }}",
        "text": "{{ message.body }}",
        "callback": "{{ message.receipts_url }}",
    },
    "success": {"status": [200, 201, 202], "reference": "id"},
    "refusals": [{"path": "error.code", "in": ["unknown_number"], "means": "unknown_address"}],
    "repeat": "key",
    "receipts": {
        "secret": "A SECRET OF YOUR OWN",
        "secret_in": "query:token",
        "reference": "id",
        "status": "status",
        "states": {"sent": "sent", "delivered": "delivered", "failed": "undelivered"},
    },
    "inbound": {
        "secret": "A SECRET OF YOUR OWN",
        "secret_in": "query:token",
        "from": "from",
        "text": "text",
        "id": "id",
    },
}

FORM_GATEWAY: Mapping[str, Any] = {
    "url": "https://gateway.example/send",
    "form": {
        "username": "YOUR USER NAME",
        "password": "YOUR PASSWORD",
        "to": "{{ message.to_digits }}",
        "from": "{{ message.sender }}",
        "text": "{{ message.body }}",
        "unicode": "{% if message.is_unicode %}1{% else %}0{% endif %}",
    },
    "success": {"status": [200], "where": {"status": ["0", "OK"]}, "reference": "message_id"},
}

# The address, the fields and the answer as programs in public use them; receipts as the account's own page names them.
SMS2PRO: Mapping[str, Any] = {
    "url": "https://portal.sms2pro.com/sms-api/message-sms/send",
    "auth": {"bearer": "YOUR API KEY"},
    "headers": {"Accept": "application/json"},
    "json": {
        "recipient": "{{ message.to_local }}",
        "sender_name": "{{ message.sender }}",
        "message": "{{ message.body }}",
    },
    "success": {"status": [200, 201], "where": {"status": ["success", "Success"]}},
}

THAIBULKSMS: Mapping[str, Any] = {
    "url": "https://api-v2.thaibulksms.com/sms",
    "auth": {"basic": {"username": "YOUR API KEY", "password": "YOUR API SECRET"}},
    "form": {
        "msisdn": "{{ message.to_local }}",
        "message": "{{ message.body }}",
        "sender": "{{ message.sender }}",
        "force": "corporate",
    },
    "success": {"status": [200, 201], "reference": "phone_number_list[0].message_id"},
    "refusals": [{"path": "bad_phone_number_list[0].number", "means": "unknown_address"}],
    "receipts": {
        "secret": "A SECRET OF YOUR OWN",
        "secret_in": "query:token",
        "reference": "message_id",
        "status": "status",
        "states": {"sent": "sent", "delivered": "delivered", "failed": "undelivered"},
    },
}

PRESETS: Mapping[str, Preset] = {
    "json": Preset("JSON", JSON_GATEWAY),
    "form": Preset("Form", FORM_GATEWAY),
    "sms2pro": Preset("SMS2PRO", SMS2PRO),
    "thaibulksms": Preset("ThaiBulkSMS", THAIBULKSMS),
}
