"""The gateway by configuration, against a real server."""

from messaging.channels.base import PermanentFailure, Provider
from messaging.channels.reasons import Reason
from messaging.providers.http_sms.provider import HttpSmsProvider
from tests.messaging.providers.gateway import Reply, Taken
from tests.messaging.providers.http_contract import HttpContract


class TestHttpSms(HttpContract):
    refusals = [
        (Reply(400, json={"code": "E1"}), PermanentFailure, Reason.REFUSED),
    ]

    def elsewhere(self, address: str) -> Provider:
        return HttpSmsProvider(
            {
                "url": f"{address}/send",
                "json": {"key": "{{ message.key }}", "to": "{{ message.to }}", "text": "{{ message.body }}"},
                "success": {"reference": "id"},
                "repeat": "key",
            }
        )

    def answer(self, taken: Taken) -> Reply:
        return Reply(json={"id": f"ref-{taken.json['key']}"})

    def key_of(self, taken: Taken) -> str:
        return str(taken.json["key"])

    def text_of(self, taken: Taken) -> str:
        return str(taken.json["text"])
