"""Replaces `logging.config.fileConfig` while env.py runs, and restores every logger afterwards.

The `fileConfig` of an env.py closes the application's handlers, disables the loggers it does not
know and stays in force after the command. Here an application that has configured logging keeps its
configuration, one that has not gets that of alembic.ini.
"""

from __future__ import annotations

import configparser
import logging
import logging.config
from contextlib import contextmanager
from functools import partial
from typing import Any, Iterator

from ..compat.stdlib import file_config_beside

# what names an object of Alembic's by its address in memory
_WITH_ADDRESSES = ("alembic.autogenerate.compare", "alembic.autogenerate.compare.server_defaults")

# level, disabled, propagate and handlers of a logger that nobody has touched
_NEW: tuple[int, bool, bool, tuple[Any, ...]] = (logging.NOTSET, False, True, ())


@contextmanager
def kept_loggers() -> Iterator[None]:
    """Answer `fileConfig` for a while; for one command at a time, since loggers are shared."""
    original = logging.config.fileConfig
    before = {}
    for logger in _loggers():
        state = (logger.level, logger.disabled, logger.propagate, tuple(logger.handlers))
        before[logger] = state
    logging.config.fileConfig = partial(_file_config, original)
    for name in _WITH_ADDRESSES:
        logging.getLogger(name).addFilter(_without_address)
    try:
        yield
    finally:
        logging.config.fileConfig = original
        for name in _WITH_ADDRESSES:
            logging.getLogger(name).removeFilter(_without_address)
        for logger in _loggers():
            level, disabled, propagate, handlers = before.get(logger, _NEW)
            logger.setLevel(level)
            logger.disabled, logger.propagate = disabled, propagate
            logger.handlers[:] = handlers


def _without_address(record: logging.LogRecord) -> bool:
    """Name the class of what has no text."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            type(arg).__name__ if " object at 0x" in str(arg) else arg for arg in record.args
        )
    return True


def _loggers() -> Iterator[logging.Logger]:
    yield logging.getLogger()
    for logger in list(logging.Logger.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            yield logger


def _file_config(original: Any, fname: Any, defaults: Any = None, *_: Any, **kwargs: Any) -> None:
    if logging.getLogger().handlers:
        # env.py reports under one or the other
        for logger in map(logging.getLogger, ("alembic", "flask_migrate")):
            logger.disabled = False
            if logger.level == logging.NOTSET:
                logger.setLevel(logging.INFO)
        return
    kwargs["disable_existing_loggers"] = False
    try:
        file_config_beside(original, fname, defaults, **kwargs)
    except (KeyError, OSError, configparser.Error, RuntimeError, ValueError):
        # no alembic.ini, or without (all of) the logging sections: show what Alembic reports anyway
        logging.basicConfig(format="%(levelname)-5.5s [%(name)s] %(message)s")
        logging.getLogger("alembic").setLevel(logging.INFO)
    plugins = logging.getLogger("alembic.runtime.plugins")
    if plugins.level == logging.NOTSET:
        plugins.setLevel(logging.WARNING)  # an alembic.ini from before Alembic 1.18 names none
