"""`alembic.context` and `alembic.op` mean the command of whoever asks, in each thread.

Alembic puts the environment of a command into these modules, of which a process has one. So that a
thread can look while another one migrates, they hold something here that looks up which command
the asking thread is about; when the last command is over, they are as they were.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Iterator

from alembic.operations import Operations
from alembic.runtime.environment import EnvironmentContext

_MISSING = object()


class _Proxies:
    """What stands in the module of one class of Alembic's.

    :param kind: the class
    :raises: nothing
    """

    def __init__(self, kind: Any) -> None:
        names, modules = kind._setups[kind]
        self._names, self._globals = names, [globals_ for globals_, _ in modules]
        self._here: ContextVar[tuple[Any, ...]] = ContextVar(kind.__name__, default=())
        self._active: list[Any] = []
        self._before: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.current(), name)

    def current(self) -> Any:
        """Find what the asking thread is about."""
        for one in reversed(self._here.get()):
            if any(one is active for active in self._active):
                return one
        # a thread that env.py has begun: env.py runs alone until it has said where it belongs
        return self._active[-1] if self._active else None

    def _attribute(self, name: str) -> Any:
        if name not in self._names:
            raise AttributeError(name)
        return getattr(self.current(), name)

    def bind(self, one: Any) -> None:
        """Let the asking thread be about one from now on."""
        if self.current() is not one or one not in self._here.get():
            self._here.set((*self._here.get(), one))

    @contextmanager
    def installed(self, one: Any) -> Iterator[None]:
        with self._lock:
            if not self._active:
                self._put()
            self._active.append(one)
        token = self._here.set((*self._here.get(), one))
        try:
            yield
        finally:
            self._here.reset(token)
            with self._lock:
                self._active[:] = [active for active in self._active if active is not one]
                if not self._active:
                    self._take_back()

    def _put(self) -> None:
        names = ("_proxy", "__getattr__", *self._names)
        self._before = [{n: g.get(n, _MISSING) for n in names} for g in self._globals]
        for globals_ in self._globals:
            for name in self._names:
                globals_.pop(name, None)
            globals_.update(_proxy=self, __getattr__=self._attribute)

    def _take_back(self) -> None:
        for globals_, before in zip(self._globals, self._before):
            for name, value in before.items():
                globals_.pop(name, None)
                if value is not _MISSING:
                    globals_[name] = value


_CONTEXT, _OP = _Proxies(EnvironmentContext), _Proxies(Operations)


@contextmanager
def published(env: Any) -> Iterator[Any]:
    """Let `alembic.context` and `alembic.op` be about a command, in the threads it runs in.

    :param env: Alembic's EnvironmentContext, which is not entered itself
    :raises: nothing
    """

    def run_migrations(**kwargs: Any) -> None:
        with _OP.installed(Operations(env.get_context())):
            env.get_context().run_migrations(**kwargs)

    env.run_migrations = run_migrations
    with _CONTEXT.installed(env):
        yield env


def operations() -> Any:
    """Give the Operations that `alembic.op` stands for in the asking thread; None where none do.

    :raises: nothing
    """
    return _OP.current()


def belongs_to(env: Any) -> None:
    """Note that the asking thread, which env.py may have begun, is about a command.

    :param env: Alembic's EnvironmentContext
    :raises: nothing
    """
    _CONTEXT.bind(env)
