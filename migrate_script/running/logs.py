"""Logging stays what the application made of it.

env.py calls `logging.config.fileConfig`, which closes the application's handlers, switches off
the loggers it does not know and stays in force when the command is over. While a command runs,
that call is answered here: an application that configured logging itself keeps its own, one that
did not gets what alembic.ini says, and afterwards every logger is as it was before.
"""

from __future__ import annotations

import configparser
import logging
import logging.config
import threading
from contextlib import contextmanager
from functools import partial
from typing import Any, Dict, Iterator, Tuple

_Picture = Dict[logging.Logger, Tuple[int, bool, bool, Tuple[Any, ...]]]


def _loggers() -> Iterator[logging.Logger]:
    yield logging.getLogger()
    for logger in list(logging.Logger.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            yield logger


def _picture() -> _Picture:
    return {
        logger: (logger.level, logger.disabled, logger.propagate, tuple(logger.handlers))
        for logger in _loggers()
    }


def _restore(before: _Picture) -> None:
    for logger in _loggers():
        level, disabled, propagate, handlers = before.get(logger, (logging.NOTSET, False, True, ()))
        logger.setLevel(level)
        logger.disabled, logger.propagate = disabled, propagate
        logger.handlers[:] = handlers


def _apply(original: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Configure logging from alembic.ini, adding to what is there and closing nothing."""
    kwargs["disable_existing_loggers"] = False
    clear = vars(logging.config).get("_clearExistingHandlers")
    if clear is not None:
        logging.config._clearExistingHandlers = lambda: None  # type: ignore[attr-defined]
    try:
        original(*args, **kwargs)
    except (KeyError, OSError, configparser.Error, RuntimeError, ValueError):
        # no alembic.ini, or without (all of) the logging sections: show what Alembic reports anyway
        logging.basicConfig(format="%(levelname)-5.5s [%(name)s] %(message)s")
        logging.getLogger("alembic").setLevel(logging.INFO)
    finally:
        if clear is not None:
            logging.config._clearExistingHandlers = clear  # type: ignore[attr-defined]


def _file_config(original: Any, fname: Any, defaults: Any = None, *_: Any, **kwargs: Any) -> None:
    """Stand in for `logging.config.fileConfig`."""
    if logging.getLogger().handlers:
        # what an env.py tells stands under the one or the other
        for logger in map(logging.getLogger, ("alembic", "flask_migrate")):
            logger.disabled = False
            if logger.level == logging.NOTSET:
                logger.setLevel(logging.INFO)
    else:
        kwargs.pop("disable_existing_loggers", None)
        _apply(original, (fname, defaults), kwargs)


# commands in several threads share the loggers: the first finds them, the last puts them back
_LOCK = threading.Lock()
_running: list[tuple[Any, _Picture]] = []


@contextmanager
def kept_loggers() -> Iterator[None]:
    """Answer `fileConfig` for a while, and put every logger back in the end.

    :raises: nothing
    """
    with _LOCK:
        original, before = _running[0] if _running else (logging.config.fileConfig, _picture())
        _running.append((original, before))
        logging.config.fileConfig = partial(_file_config, original)
    try:
        yield
    finally:
        with _LOCK:
            _running.pop()
            if not _running:
                logging.config.fileConfig = original
                _restore(before)
