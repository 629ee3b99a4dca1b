import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.lib import uploads
from crm.lib.uploads import Refusal, Upload, clean_name, judge

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 20
PDF = b"%PDF-1.7\n"


def document(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return content.getvalue()


def verdict(name: str, content: bytes) -> tuple[str, str, Refusal | None]:
    (judged,) = judge([Upload(name, content)])
    return judged.name, judged.content_type, judged.refusal


@pytest.mark.parametrize(
    ("name", "content", "content_type"),
    [
        ("kettle.jpg", JPEG, "image/jpeg"),
        ("KETTLE.JPEG", JPEG, "image/jpeg"),
        ("screen.png", PNG, "image/png"),
        ("a.gif", b"GIF89a..", "image/gif"),
        ("a.webp", b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        ("a.heic", b"\0\0\0\x18ftypheic\0\0", "image/heic"),
        ("ใบเสร็จ.pdf", PDF, "application/pdf"),
        ("clip.mp4", b"\0\0\0\x18ftypisom", "video/mp4"),
        ("voice.m4a", b"\0\0\0\x18ftypM4A ", "audio/mp4"),
        ("list.csv", "ชื่อ,จำนวน\n".encode("cp874"), "text/plain"),
        ("note.txt", "สวัสดี".encode(), "text/plain"),
        (
            "order.xlsx", document("[Content_Types].xml", "xl/workbook.xml"),
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
    ],
)  # fmt: skip
def test_what_people_send_to_a_shop_is_kept(name: str, content: bytes, content_type: str) -> None:
    assert verdict(name, content) == (name, content_type, None)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("run.exe", b"MZ\x90\0"),
        ("page.html", b"<script>alert(1)</script>"),
        ("drawing.svg", b"<svg onload=alert(1)>"),
        ("invoice.pdf.exe", PDF),
        ("kettle.jpg", PNG),  # not what its name says
        ("kettle.jpg", b"<html>"),
        ("kettle.pdf", b"MZ\x90\0%PDF-"),
        ("macro.docx", document("word/document.xml", "word/vbaProject.bin")),
        ("macro.docm", document("word/document.xml")),
        ("archive.zip", document("a.txt")),
        ("broken.xlsx", b"PK\x03\x04 broken"),
        ("noise.txt", b"\0\x01\x02"),
        ("?", b"\0\x01\x02"),
    ],
)
def test_the_rest_is_refused(name: str, content: bytes) -> None:
    assert verdict(name, content)[2] == Refusal.KIND


def test_a_file_without_an_extension_gets_that_of_its_kind() -> None:
    assert verdict("", PNG) == ("file.png", "image/png", None)
    assert verdict("photo", JPEG) == ("photo.jpg", "image/jpeg", None)


def test_an_empty_file_is_named_as_such() -> None:
    assert verdict("a.png", b"") == ("a.png", "", Refusal.EMPTY)


def test_limits_count_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LARGEST", 30)
    monkeypatch.setattr(uploads, "LARGEST_TOGETHER", 60)
    monkeypatch.setattr(uploads, "MOST", 3)
    files = [
        Upload("1.png", PNG), Upload("2.png", PNG + b"\0" * 9), Upload("3.exe", b"MZ"), Upload("4.png", PNG),
        Upload("5.png", PNG), Upload("6.txt", b"ok"), Upload("7.txt", b"ok"),
    ]  # fmt: skip
    assert [judged.refusal for judged in judge(files)] == [
        None, Refusal.TOO_LARGE, Refusal.KIND, None, Refusal.TOO_MUCH, None, Refusal.TOO_MANY,
    ]  # fmt: skip
    assert all(not judged.content for judged in judge(files) if judged.refusal)


def test_the_limits_are_those_that_are_promised() -> None:
    assert (uploads.LARGEST, uploads.LARGEST_TOGETHER, uploads.MOST) == (10 * 2**20, 25 * 2**20, 20)


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\photo.jpg", "photo.jpg"),
        ("a\r\nSet-Cookie: x.jpg", "a Set-Cookie_ x.jpg"),
        ("gpj.exe\u202egnp.jpg", "gpj.exe gnp.jpg"),
        ("..hidden", "hidden"),
        ("ใบเสร็จ 1.pdf", "ใบเสร็จ 1.pdf"),
        (f"{'a' * 300}.jpg", f"{'a' * 116}.jpg"),
        ("\0", ""),
    ],
)
def test_names_are_cleaned(name: str, clean: str) -> None:
    assert clean_name(name) == clean


@given(st.text())
def test_no_name_leads_out_of_a_directory(name: str) -> None:
    clean = clean_name(name)
    assert not {"/", "\\", "\0", "\n", "\r", '"'} & set(clean)
    assert not clean.startswith(".")
    assert len(clean) <= 120
