"""Structured logs: one JSON object a line on standard error, from us and from the libraries alike."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import msgspec
import structlog

from adapters.runtime.setting_values import LogLevel

encode = msgspec.json.Encoder(enc_hook=str).encode


def start_logging(level: LogLevel) -> None:
    threshold = getattr(logging, level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[ToStructlog()], level=max(threshold, logging.WARNING), force=True)


def render(_logger: object, _name: str, event: MutableMapping[str, Any]) -> bytes:
    return encode(event)


class ToStructlog(logging.Handler):
    """Passes what libraries log with the standard library on to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger(record.name)
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)
