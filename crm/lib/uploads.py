"""
Files from strangers: which are kept, and under what name.

Judged by what is in them; the name and the type they come with are the sender's word. Only kinds that people send to a
shop and that run nothing are on the list, and a file must be of the kind that its name says.
"""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.core.files.uploadedfile import UploadedFile

MEGABYTE = 1024 * 1024  # as file managers and Django's templates count
LARGEST = 10 * MEGABYTE
LARGEST_TOGETHER = 25 * MEGABYTE
MOST = 20
LONGEST_NAME = 120
_MOST_PARTS = 2_000  # of an office document


class Refusal(StrEnum):
    """Why a file is not kept."""

    TOO_LARGE = "too_large"
    TOO_MUCH = "too_much"  # together with the ones before it
    TOO_MANY = "too_many"
    EMPTY = "empty"
    KIND = "kind"  # not on the list, or not what its name says


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Judged:
    """A file with a name that is safe to offer, its real type, and why it is not kept: None when it is."""

    name: str
    content_type: str
    content: bytes
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class _Kind:
    content_type: str
    extensions: tuple[str, ...]  # the first is given to a file without one
    is_it: Callable[[bytes], bool]


def read(file: UploadedFile[bytes]) -> Upload:
    """A file of a form. Of one that is too large only so much is read as shows it."""
    return Upload(file.name or "", file.read(LARGEST + 1))


def judge(files: Sequence[Upload]) -> Iterator[Judged]:
    """Each file with the verdict on it, in order; limits count what is kept."""
    kept, together = 0, 0
    for file in files:
        judged = _judge(file)
        if judged.refusal is None:
            size = len(file.content)
            if kept >= MOST:
                judged = Judged(judged.name, judged.content_type, b"", Refusal.TOO_MANY)
            elif together + size > LARGEST_TOGETHER:
                judged = Judged(judged.name, judged.content_type, b"", Refusal.TOO_MUCH)
            else:
                kept, together = kept + 1, together + size
        yield judged


def clean_name(name: str) -> str:
    """A file name without a path, without what hides or turns letters around, and no longer than systems take."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    name = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in name)
    name = " ".join(re.sub(r'[<>:"|?*]', "_", name).split()).lstrip(". ").rstrip(". ")
    stem, dot, extension = name.rpartition(".")
    if len(name) > LONGEST_NAME and dot and len(extension) <= 10:
        return f"{stem[: LONGEST_NAME - len(extension) - 1].rstrip()}.{extension}"
    return name[:LONGEST_NAME].rstrip()


def _judge(file: Upload) -> Judged:
    name = clean_name(file.name)
    if not file.content:
        return Judged(name or "?", "", b"", Refusal.EMPTY)
    if len(file.content) > LARGEST:
        return Judged(name or "?", "", b"", Refusal.TOO_LARGE)
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    for kind in _KINDS:
        if (not extension or extension in kind.extensions) and kind.is_it(file.content):
            named = name if extension else f"{name or 'file'}.{kind.extensions[0]}"
            return Judged(named, kind.content_type, file.content)
    return Judged(name or "?", "", b"", Refusal.KIND)


def _begins(*marks: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(marks)


def _riff(form: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(b"RIFF") and content[8:12] == form


def _box(*brands: bytes) -> Callable[[bytes], bool]:
    """ISO base media (ISO/IEC 14496-12): a box "ftyp" with one of these major brands."""
    return lambda content: content[4:8] == b"ftyp" and content[8:12].startswith(brands)


def _office(main: str) -> Callable[[bytes], bool]:
    """A document of parts in a zip archive, with this one and without macros."""

    def is_it(content: bytes) -> bool:
        if not content.startswith(b"PK\x03\x04"):
            return False
        try:
            names = zipfile.ZipFile(io.BytesIO(content)).namelist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
            return False
        runs = any(name.lower().endswith(("vbaproject.bin", ".exe", ".js", ".dll")) for name in names)
        return main in names and len(names) <= _MOST_PARTS and not runs

    return is_it


def _is_text(content: bytes) -> bool:
    """Readable, in UTF-8 or Thai Windows, without control characters that text does not have."""
    if re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]", content):
        return False
    for encoding in ("utf-8", "cp874"):
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return True
    return False


_OOXML = "application/vnd.openxmlformats-officedocument."
_KINDS = (
    _Kind("image/jpeg", ("jpg", "jpeg", "jfif"), _begins(b"\xff\xd8\xff")),
    _Kind("image/png", ("png",), _begins(b"\x89PNG\r\n\x1a\n")),
    _Kind("image/gif", ("gif",), _begins(b"GIF87a", b"GIF89a")),
    _Kind("image/webp", ("webp",), _riff(b"WEBP")),
    _Kind("image/heic", ("heic", "heif"), _box(b"heic", b"heix", b"hevc", b"mif1", b"msf1")),
    _Kind("application/pdf", ("pdf",), _begins(b"%PDF-")),
    _Kind(f"{_OOXML}wordprocessingml.document", ("docx",), _office("word/document.xml")),
    _Kind(f"{_OOXML}spreadsheetml.sheet", ("xlsx",), _office("xl/workbook.xml")),
    _Kind(f"{_OOXML}presentationml.presentation", ("pptx",), _office("ppt/presentation.xml")),
    _Kind("audio/mp4", ("m4a",), _box(b"M4A", b"M4B")),
    _Kind("video/mp4", ("mp4", "m4v", "m4a"), _box(b"isom", b"iso", b"mp4", b"avc1", b"M4V", b"dash")),
    _Kind("video/quicktime", ("mov",), _box(b"qt")),
    _Kind("video/3gpp", ("3gp",), _box(b"3gp")),
    _Kind("audio/mpeg", ("mp3",), _begins(b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")),
    _Kind("audio/ogg", ("ogg", "oga", "opus"), _begins(b"OggS")),
    _Kind("audio/wav", ("wav",), _riff(b"WAVE")),
    _Kind("audio/amr", ("amr",), _begins(b"#!AMR")),
    _Kind("text/plain", ("txt", "csv", "log", "vcf", "ics"), _is_text),
)
EXTENSIONS = tuple(dict.fromkeys(extension for kind in _KINDS for extension in kind.extensions))
