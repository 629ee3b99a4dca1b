"""Files of strangers, handed out."""

from __future__ import annotations

from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404


def to_save(file: FieldFile, *, name: str, content_type: str) -> FileResponse:
    """
    A file to be saved: never shown in our pages' name, whatever is in it.

    Raises:
        Http404: it is not on the disk.
    """
    return _handed_out(file, name, content_type, is_saved=True)


def to_show(file: FieldFile, *, name: str, content_type: str) -> FileResponse:
    """
    A picture to be looked at, of a type that runs nothing.

    Raises:
        Http404: it is not on the disk.
    """
    return _handed_out(file, name, content_type, is_saved=False)


def _handed_out(file: FieldFile, name: str, content_type: str, *, is_saved: bool) -> FileResponse:
    try:
        content = file.open()
    except FileNotFoundError as error:
        raise Http404 from error
    return FileResponse(
        content,
        as_attachment=is_saved,
        filename=name,
        content_type=content_type,
        headers={
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )
