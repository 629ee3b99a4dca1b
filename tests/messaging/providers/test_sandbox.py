from dataclasses import replace

import pytest

from messaging.channels.base import Accepted, FileOut, News, Provider
from messaging.models import SandboxText
from messaging.providers.sandbox import SandboxProvider
from tests.messaging.providers.contract import AT, ProviderContract

pytestmark = pytest.mark.django_db


class TestSandbox(ProviderContract):
    def provider(self) -> Provider:
        return SandboxProvider({})

    def arrived(self) -> list[str]:
        return list(SandboxText.objects.order_by("pk").values_list("body", flat=True))

    def test_it_reports_delivery_in_the_same_breath(self) -> None:
        ((parcel, outcome),) = self.send(self.parcel())
        assert isinstance(outcome, Accepted)
        (receipt,) = outcome.receipts
        assert (receipt.news, receipt.key, receipt.at) == (News.DELIVERED, parcel.key, AT)

    def test_the_phone_has_what_came_along(self) -> None:
        file = FileOut("leak.png", "image/png", 900, "place", "https://shop.example/f/1/", is_shown=True)
        self.send(replace(self.parcel(), files=(file,)))
        assert SandboxText.objects.get().files == [
            {"name": "leak.png", "type": "image/png", "size": 900, "path": "/f/1/", "shown": True}
        ]

    def test_by_hand_it_reports_nothing(self) -> None:
        parcel = self.parcel()
        ((_, outcome),) = SandboxProvider({"receipts": "by_hand"}).send(iter([parcel]))
        assert isinstance(outcome, Accepted)
        assert outcome.receipts == ()
        assert SandboxText.objects.get().news == ""

    def test_the_phone_keeps_what_would_be_seen(self) -> None:
        self.send(self.parcel())
        text = SandboxText.objects.get()
        assert (text.address, text.channel, text.is_from_us, text.subject, text.at) == (self.to, "sms", True, "Hi", AT)
