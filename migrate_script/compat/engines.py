"""What keeps SQLAlchemy from making an engine: the URL, or a driver that is not there.

Serves Flask-SQLAlchemy 2, which makes its engines in env.py, and 3, which makes them while the
application is set up.
"""

from __future__ import annotations

import sys
import traceback

from .. import errors


def why_no_engine(error: BaseException) -> errors.DatabaseError | None:
    """Word the failure to make an engine.

    :param error: what was raised, by whatever
    :returns: None where it has nothing to do with an engine
    :raises: nothing
    """
    if "sqlalchemy.exc" not in sys.modules or error.__traceback__ is None:
        return None
    from sqlalchemy import exc  # not before somebody else has imported it

    source = traceback.extract_tb(error.__traceback__)[-1].filename.replace("\\", "/")
    if isinstance(error, exc.NoSuchModuleError):
        return errors.DatabaseError.no_dialect(error)
    if isinstance(error, ModuleNotFoundError) and "/sqlalchemy/" in source:
        return errors.DatabaseError.not_installed(str(error.name))
    if isinstance(error, (exc.ArgumentError, ValueError)) and "/sqlalchemy/engine/url" in source:
        return errors.DatabaseError.bad_url()
    return None
