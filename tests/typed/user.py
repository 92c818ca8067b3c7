"""Code of somebody who uses the package and checks types; mypy and pyright find nothing in it."""

from __future__ import annotations

from pathlib import Path
from typing import List

from alembic.script import Script
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

import migrate_script
from migrate_script import Manager, Migrate, MigrateCommand, MigrateError, Shell
from migrate_script.errors import DifferencesFound, NotAtHead
from migrate_script.sqlite_alter import SQLiteAlterError

app = Flask(__name__)
db = SQLAlchemy(app)
migrate = Migrate(app, db, directory=Path("migrations"), lock_timeout=60, include_schemas=True)
migrate.init_app(app, compare_type=False)
manager = Manager(app)
manager.add_command("db", MigrateCommand)
manager.add_command("shell", Shell(make_context=dict))


@migrate.configure
def configure(config: object) -> object:
    """Leave the Config as it is."""
    return config


def deploy() -> List[str]:
    """Upgrade, and return what has run."""
    folder: str = migrate_script.init(multidb=True)
    scripts: List[Script] = migrate_script.migrate(folder, message="users")
    scripts += migrate_script.history(rev_range="base:head")
    ran: List[str] = migrate_script.upgrade(revision="head", no_loss=True, backup=True)
    try:
        migrate_script.check()
    except DifferencesFound as error:
        print(error.differences)
    except NotAtHead:
        ran += migrate_script.downgrade(revision="-1", yes=True)
    except MigrateError as error:
        status: int = error.status
        raise SystemExit(status) from error
    except SQLiteAlterError as error:
        print(*error.detail)
    migrate_script.restore(file="app.db.bak", yes=True)
    heads: List[str] = migrate_script.heads()
    assert migrate_script.current() == heads
    return ran + migrate_script.stamp(revision=["head"])
