"""The blog in example_app: `db upgrade` makes its tables, `seed` fills them, `runserver` shows."""

from __future__ import annotations

from example_app import create_app
from example_app.seed import seed
from migrate_script import Manager, MigrateCommand, Server, Shell

manager = Manager(create_app)
manager.add_command("db", MigrateCommand)
manager.add_command("runserver", Server())
manager.add_command("shell", Shell())
manager.command(seed)

if __name__ == "__main__":
    manager.run()
