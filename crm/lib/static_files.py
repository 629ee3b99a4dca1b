"""How static files get their names."""

from typing import Final

from whitenoise.storage import CompressedManifestStaticFilesStorage

# Our scripts alone: what libraries write in theirs is not all meant for a browser.
_OUR_MODULES: Final = (
    "js/*.js",
    (
        (
            r"""(?P<matched>import (?P<names>\{[^}]*\}) from "(?P<url>\./[^"]+)";)""",
            """import %(names)s from "%(url)s";""",
        ),
    ),
)


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc] # ships no types
    """Named after what is in them, also where one script imports another."""

    patterns = (*CompressedManifestStaticFilesStorage.patterns, _OUR_MODULES)
