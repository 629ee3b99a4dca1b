"""
What every provider must do. A test class for one provider inherits the case and says how to make and break it.

The checks speak to the provider as the sender does: an iterator of parcels in, outcomes out.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from messaging.channels.base import Accepted, Failure, FileOut, Outcome, Parcel, PermanentFailure, Provider, Repeat

AT = datetime(2026, 3, 4, 5, tzinfo=UTC)


def kept(name: str, content_type: str, content: bytes) -> FileOut:
    """A file that is in the storage."""
    place = default_storage.save(f"attachments/2026/01/{name}", ContentFile(content))
    return FileOut(name, content_type, len(content), place, f"https://shop.example/f/{name}/")


class ProviderContract:
    """`to` is an address that the provider takes."""

    to = "+66812345678"
    channel = "sms"

    def provider(self) -> Provider:
        raise NotImplementedError

    def arrived(self) -> list[str]:
        """The texts that the outside has got, oldest first."""
        raise NotImplementedError

    def parcel(self, key: str = "01a1ffdd9bce7278a54630166c962838", body: str = "Hello") -> Parcel:
        return Parcel(key=key, to=self.to, body=body, at=AT, channel=self.channel, subject="Hi")

    def send(self, *parcels: Parcel) -> list[tuple[Parcel, Outcome]]:
        return list(self.provider().send(iter(parcels)))

    def test_an_accepted_parcel_has_arrived_and_has_a_reference(self) -> None:
        parcel = self.parcel()
        ((answered, outcome),) = self.send(parcel)
        assert answered is parcel
        assert isinstance(outcome, Accepted)
        assert 0 < len(outcome.reference) <= 200
        assert self.arrived() == ["Hello"]

    def test_every_parcel_gets_exactly_one_outcome(self) -> None:
        parcels = [self.parcel(f"{number:032x}", f"text {number}") for number in range(7)]
        outcomes = self.send(*parcels)
        assert sorted(parcel.key for parcel, _ in outcomes) == sorted(parcel.key for parcel in parcels)
        assert len({outcome.reference for _, outcome in outcomes if isinstance(outcome, Accepted)}) == 7
        assert sorted(self.arrived()) == sorted(parcel.body for parcel in parcels)

    def test_nothing_to_send_is_no_error(self) -> None:
        assert self.send() == []
        assert self.arrived() == []

    def test_no_more_parcels_are_taken_than_it_says_it_has_room_for(self) -> None:
        taken = []

        def parcels() -> Iterator[Parcel]:
            for number in range(3 * room):
                taken.append(number)
                yield self.parcel(f"{number:032x}")

        provider = self.provider()
        room = provider.traits.in_flight
        outcomes = provider.send(parcels())
        next(iter(outcomes))
        assert len(taken) <= room
        outcomes.close()  # type: ignore[attr-defined] # every provider's send is a generator

    def test_the_same_key_again_is_one_copy_where_the_provider_says_so(self) -> None:
        parcel = self.parcel()
        first, again = self.send(parcel)[0][1], self.send(parcel)[0][1]
        if self.provider().traits.repeat == Repeat.KEY:
            assert isinstance(first, Accepted)
            assert isinstance(again, Accepted)
            assert first.reference == again.reference
            assert len(self.arrived()) == 1

    def enclosed(self) -> list[tuple[str, str, bytes]] | None:
        """Name, type and bytes of each file that the outside has got; None where files are addresses in the text."""
        return None

    def test_files_arrive_whole_and_as_often_as_it_is_sent(self) -> None:
        if self.enclosed() is None:
            return
        content = bytes(range(256)) * 40
        files = (kept("ใบเสร็จ.pdf", "application/pdf", content), kept("leak.png", "image/png", b"\x89PNG"))
        for key in ("1" * 32, "2" * 32):
            ((_, outcome),) = self.send(replace(self.parcel(key), files=files))
            assert isinstance(outcome, Accepted)
        once = [("ใบเสร็จ.pdf", "application/pdf", content), ("leak.png", "image/png", b"\x89PNG")]
        assert self.enclosed() == [*once, *once]

    def test_nothing_leaves_without_its_file(self) -> None:
        if self.enclosed() is None:
            return
        gone = FileOut("gone.pdf", "application/pdf", 10, "attachments/2026/01/gone")
        ((_, outcome),) = self.send(replace(self.parcel(), files=(gone,)))
        assert isinstance(outcome, PermanentFailure)
        assert outcome.detail == "the file gone.pdf is not there any more"
        assert self.arrived() == []

    def test_a_letter_larger_than_it_takes_is_refused_before_anything_is_read(self) -> None:
        if self.enclosed() is None:
            return
        largest = self.provider().traits.largest
        huge = FileOut("huge.pdf", "application/pdf", largest * 3 // 4, "attachments/2026/01/huge")
        ((_, outcome),) = self.send(replace(self.parcel(), files=(huge,)))
        assert isinstance(outcome, PermanentFailure)
        assert f"at most {largest:,}" in outcome.detail
        assert self.arrived() == []

    def test_thai_and_emoji_arrive_as_they_were(self) -> None:
        self.send(self.parcel(body="สวัสดีค่ะ 👍🏽\nบรรทัดใหม่"))
        assert self.arrived() == ["สวัสดีค่ะ 👍🏽\nบรรทัดใหม่"]

    def test_what_goes_wrong_is_an_outcome_not_an_exception(self) -> None:
        bad = Parcel(
            key="0" * 32, to=self.to, body="Hello", at=AT, channel=self.channel, subject="a\r\nBcc: x@y.example"
        )
        ((_, outcome),) = self.send(bad)
        assert isinstance(outcome, Accepted | Failure)

    def test_a_look_up_of_nothing_finds_nothing(self) -> None:
        assert dict(self.provider().look_up([])) == {}
