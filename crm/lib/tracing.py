"""The id that a request or task shares with its log lines and its error answers."""

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="-")
