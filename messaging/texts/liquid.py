"""
Templates in Liquid, cut down to what a message needs and fenced in (docs/messaging.md, "Templates").

A template is text that staff, and programs with a key, may write, so it is treated as hostile: tags, filters and
variables stand on lists of what is allowed, and size, loops, output and time have limits. Whatever it tries, it ends
with a clear error within a second.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from liquid import Environment
from liquid.ast import Node
from liquid.builtin import content, illegal, output
from liquid.builtin.expressions import Filter, KeywordArgument, LoopExpression
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.tags import assign_tag, case_tag, comment_tag, for_tag, if_tag, unless_tag
from liquid.context import RenderContext
from liquid.exceptions import (
    LiquidError,
    LiquidSyntaxError,
    LoopIterationLimitError,
    UndefinedError,
    UnknownFilterError,
)
from liquid.expression import Expression
from liquid.stream import TokenStream
from liquid.template import BoundTemplate
from liquid.undefined import FalsyStrictUndefined

from messaging.texts import filters, variables
from messaging.texts.plain import Piece, pieces_of, put_together

MAX_SOURCE = 20_000  # characters
MAX_OUTPUT = 100_000  # bytes
MAX_LOOPS = 2_000  # turns of all loops together
MAX_FILTERS = 10  # on one value
MAX_CPU = 0.25  # seconds of this thread for one rendering
MAX_MARKUP = 1_000  # characters between {{ and }}, or {% and %}
IsKnown = Callable[[Sequence[Any]], bool]
_OPENING = re.compile(r"\{\{|\{%")
_ENDS: Mapping[object, int] = {"first": 0, "last": -1}
_VERBATIM = re.compile(r"\{%-?\s*(raw|doc)\b")


class InvalidTemplate(ValueError):
    """
    The template cannot be saved.

    Attributes:
        code: "too_large", "syntax", "unknown_tag", "unknown_filter", "unknown_variable", "unknown_partial" or
            "not_offered".
        line: where, counted from 1; 0 when it concerns the whole.
    """

    def __init__(self, code: str, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.line = line


class RenderFailed(Exception):
    """The template and this customer's data do not go together; the message says what is missing or too large."""


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template. Ask `parse` for it: parsing happens once per source."""

    bound: BoundTemplate
    paths: tuple[tuple[object, ...], ...]
    pieces: tuple[Piece, ...] | None = None

    def render(self, context: Mapping[str, Any], *, language: str = "en") -> str:
        """
        Fill in `context`, plain JSON data. Dates are told in `language` and in the zone `context["time_zone"]`.

        Raises:
            RenderFailed: a variable is missing (use `| default: …` for those that may be), or a limit was met.
        """
        if self.pieces is not None and (text := put_together(self.pieces, context, limit=MAX_OUTPUT)) is not None:
            return text
        try:
            return self.bound.render({**context, "language": language})
        except UndefinedError as error:
            raise RenderFailed(f"missing variable: {error.message}") from error
        except LiquidError as error:
            raise RenderFailed(str(error.message)) from error
        except (ArithmeticError, RecursionError, TypeError, ValueError, LookupError, AttributeError) as error:
            raise RenderFailed(f"{type(error).__name__}: {error}") from error

    def missing(self, context: Mapping[str, Any]) -> list[str]:
        """The variables that the template names and `context` does not have, for the report before publishing."""
        return sorted({".".join(map(str, path)) for path in self.paths if not _has(context, path)})


@lru_cache(maxsize=4096)
def parse(
    source: str, *, html: bool = False, is_known: IsKnown = variables.is_known, most: int = MAX_SOURCE
) -> Template:
    """
    Read a template; with `html`, what variables bring in is escaped.

    Args:
        is_known: whether a template may name this path, e.g. ["customer", "first_name"].
        most: characters it may have.

    Raises:
        InvalidTemplate: names the fault and the line.
    """
    if len(source) > most:
        raise InvalidTemplate("too_large", f"longer than {most} characters")
    check_markup(source)
    try:
        bound = (_HTML if html else _TEXT).from_string(source)
        _check_shape(bound)
        used = [variable for uses in bound.analyze(include_partials=False).globals.values() for variable in uses]
    except InvalidTemplate:
        raise
    except LiquidError as error:
        raise _invalid(error, source) from error
    except RecursionError as error:
        raise InvalidTemplate("not_offered", "nested too deeply") from error
    for variable in used:
        if not is_known(variable.segments):
            line = _line(source, variable.span.index)
            raise InvalidTemplate("unknown_variable", f"unknown variable: {_written(variable.segments)}", line)
    plain = (tuple(variable.segments) for variable in used if all(_is_plain(part) for part in variable.segments))
    return Template(bound, tuple(dict.fromkeys(plain)), None if html else pieces_of(bound))


# --- The fence ------------------------------------------------------------------------------------


class _Missing(FalsyStrictUndefined):
    """What is missing is an error when shown, false when tested, and gives way to `default`."""

    force_liquid_default = True


class _Context(RenderContext):
    __slots__ = ("deadline", "turns")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.turns = 0
        # Time of this thread, not of the clock on the wall: a busy machine is no hostile template.
        self.deadline = time.thread_time() + MAX_CPU

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Count the turns of all loops, those one after the other too."""
        self.turns += length
        if self.turns > MAX_LOOPS:
            raise LoopIterationLimitError(f"more than {MAX_LOOPS} turns of loops", token=None)

    def get_item(self, obj: Any, key: Any) -> Any:
        """What data call "size" is that: a customer without one has none, rather than the number of what they have."""
        return obj[key] if isinstance(obj, dict) else super().get_item(obj, key)

    def raise_for_time(self) -> None:
        if time.thread_time() > self.deadline:
            raise LoopIterationLimitError("takes too long", token=None)


class _Template(BoundTemplate):
    context_class = _Context


class _Loop(LoopExpression):
    """A loop that looks at the time on every turn."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> tuple[Iterator[object], int]:
        items, length = super().evaluate(context)
        return _timed(items, context), length


def _timed(items: Iterator[object], context: RenderContext) -> Iterator[object]:
    for item in items:
        context.raise_for_time()  # type: ignore[attr-defined] # _Template gives every rendering a _Context
        yield item


class _ForTag(for_tag.ForTag):
    def parse(self, stream: TokenStream) -> Node:
        node = cast("for_tag.ForNode", super().parse(stream))
        loop = node.expression
        node.expression = _Loop(
            loop.token, loop.identifier, loop.iterable, limit=loop.limit, offset=loop.offset, reversed_=loop.reversed,
            cols=None,
        )  # fmt: skip
        return node


class _Environment(Environment):
    template_class = _Template
    block_nesting_limit = 20
    context_depth_limit = 25
    local_namespace_limit = 100_000
    output_stream_limit = MAX_OUTPUT

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        for tag in (
            content.Literal, output.Output, illegal.Illegal, if_tag.IfTag, unless_tag.UnlessTag, case_tag.CaseTag,
            _ForTag, for_tag.BreakTag, for_tag.ContinueTag, assign_tag.AssignTag, comment_tag.CommentTag,
        ):  # fmt: skip
            self.add_tag(tag)
        for name, function in filters.ALLOWED.items():
            self.add_filter(name, function)


_TEXT = _Environment(undefined=_Missing)
_HTML = _Environment(undefined=_Missing, autoescape=True)


def check_markup(source: str) -> None:
    """
    Refuse in one pass what the library's lexer would backtrack over: 20 kB of "{{" kept it busy for 18 seconds.

    Raises:
        InvalidTemplate: a brace is not closed, or a tag is too long.
    """
    if found := _VERBATIM.search(source):
        raise InvalidTemplate("unknown_tag", f"unexpected tag '{found[1]}'", _line(source, found.start()))
    end = 0
    while opening := _OPENING.search(source, end):
        start, closing = opening.end(), "}}" if opening[0] == "{{" else "%}"
        end = source.find(closing, start)
        another = _OPENING.search(source, start)
        if end < 0 or (another and another.start() < end):
            raise InvalidTemplate("syntax", f"{opening[0]} is not closed by {closing}", _line(source, start))
        if end - start > MAX_MARKUP:
            raise InvalidTemplate("too_large", f"more than {MAX_MARKUP} characters in one tag", _line(source, start))


def _check_shape(template: BoundTemplate) -> None:
    """Refuse what the limits of rendering would meet too late: ranges, long chains, filters that do not exist."""
    nothing = RenderContext(template)
    nodes = list(template.nodes)
    while nodes:
        node = nodes.pop()
        nodes.extend(node.children(nothing))
        expressions = list(node.expressions())
        while expressions:
            expression = expressions.pop()
            expressions.extend(expression.children())
            _check_expression(expression, template.env)


def _check_expression(expression: Expression, environment: Environment) -> None:
    if isinstance(expression, RangeLiteral):
        raise InvalidTemplate("not_offered", "ranges like (1..10) are not offered")
    for number, used in enumerate(getattr(expression, "filters", None) or (), start=1):
        if used.name not in environment.filters:
            raise UnknownFilterError(f"unknown filter '{used.name}'", token=used.token)
        _check_arguments(used)
        if number > MAX_FILTERS:
            raise InvalidTemplate("not_offered", f"more than {MAX_FILTERS} filters on one value")


def _check_arguments(used: Filter) -> None:
    names = [argument.name for argument in used.args if isinstance(argument, KeywordArgument)]
    try:
        filters.check_arguments(used.name, number=len(used.args) - len(names), names=names)
    except TypeError as error:
        raise LiquidSyntaxError(f"the filter '{used.name}': {error}", token=used.token) from error


# --- Words ----------------------------------------------------------------------------------------


def _invalid(error: LiquidError, source: str) -> InvalidTemplate:
    message = str(error.message)
    code = "syntax"
    if isinstance(error, UnknownFilterError):
        code = "unknown_filter"
    elif "unexpected tag" in message or "unknown tag" in message:
        code = "unknown_tag"
    index = error.token.start_index if error.token is not None else -1
    return InvalidTemplate(code, message, _line(source, index) if index >= 0 else 0)


def _line(source: str, index: int) -> int:
    return source.count("\n", 0, index) + 1


def _written(segments: list[Any]) -> str:
    """The path as the author wrote it; a name computed at run time is an ellipsis."""
    return ".".join(part if isinstance(part, str) else "…" for part in segments)


def _is_plain(part: object) -> bool:
    return isinstance(part, str | int)


def _has(context: Mapping[str, Any], path: tuple[object, ...]) -> bool:
    found: Any = context
    for part in path:
        if part == "size" and isinstance(found, list | str):
            return True
        try:
            found = found[_ENDS.get(part, part) if isinstance(found, list) else part]
        except (KeyError, IndexError, TypeError):
            return False
    return True
