import pytest
from django.core.files.storage import Storage, default_storage

from crm.lib.uploads import Upload
from crm.models import TicketAttachment
from crm.services.attachments import keep_files
from tests.factories.crm import NOON, TicketFactory, TicketMessageFactory

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def test_what_is_kept_and_what_is_not_are_both_named() -> None:
    turn = TicketMessageFactory()
    kept, refused = keep_files(turn, [Upload("../kettle.png", PNG), Upload("run.exe", b"MZ")])
    assert (kept.name, kept.content_type, kept.size, kept.refusal) == ("kettle.png", "image/png", 28, "")
    assert kept.file.read() == PNG
    assert (refused.name, refused.refusal, bool(refused.file), refused.size) == ("run.exe", "kind", False, 2)
    assert list(turn.attachments.all()) == [kept, refused]


def test_the_senders_name_goes_nowhere_near_the_disk() -> None:
    (kept,) = keep_files(TicketMessageFactory(), [Upload("kettle.png", PNG)])
    assert kept.file.name == f"attachments/{NOON:%Y/%m}/{kept.public_id.hex}"


def test_a_disk_that_is_full_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    save, saved = Storage.save, []

    def full_at_the_second(storage: Storage, name: str, *args: object, **kwargs: object) -> str:
        if saved:
            raise OSError("no space left on device")
        saved.append(save(storage, name, *args, **kwargs))  # type: ignore[arg-type]
        return saved[0]

    monkeypatch.setattr(Storage, "save", full_at_the_second)
    with pytest.raises(OSError, match="no space"):
        keep_files(TicketMessageFactory(ticket=TicketFactory()), [Upload("1.png", PNG), Upload("2.png", PNG)])
    assert not TicketAttachment.objects.exists()
    assert not default_storage.exists(saved[0])
