"""Where models and databases agree, `migrate` writes no file, whatever env.py does about it."""

from __future__ import annotations

import pytest
from databases import rows
from projects import db as run
from projects import new_project

ENV = """
    from alembic import context
    from flask import current_app

    migrate = current_app.extensions["migrate"]
    with migrate.db.engine.connect() as connection:
        context.configure(connection=connection, target_metadata=migrate.db.metadata{hook})
        with context.begin_transaction():
            context.run_migrations()
"""
HOOK = ", process_revision_directives=lambda context, revision, directives: print('asked')"
SAID = "INFO  [migrate_script] No changes in schema detected: no file was written\n"


@pytest.mark.parametrize("hook", ["", HOOK], ids=["no hook", "a hook for other things"])
def test_no_empty_file_is_written(db, project, hook):
    """An env.py of old leaves an empty revision; it is left out, and said to be."""
    project.write("migrations/env.py", ENV.format(hook=hook))
    assert db("upgrade").status == 0
    before = project.versions
    for words in (["migrate"], ["revision", "--autogenerate"]):
        done = db(*words)
        assert (done.status, done.error) == (0, "")
        assert done.err.endswith(SAID)
        assert project.versions == before
    asked = db("revision", "-m", "by hand")
    assert SAID not in asked.err
    assert len(project.versions) == len(before) + 1


TWO_DATABASES = """
    import sqlalchemy as sa
    from alembic import context
    from flask import current_app

    names = ["", "second"]
    context.config.set_main_option("databases", "second")
    for name in names:
        with current_app.extensions["migrate"].db.get_engine(bind=name or None).connect() as one:
            context.configure(
                connection=one,
                target_metadata=sa.MetaData(),
                upgrade_token=name + "_upgrades",
                downgrade_token=name + "_downgrades",
            )
            with context.begin_transaction():
                context.run_migrations(engine_name=name)
"""


@pytest.mark.parametrize("different", [None, "DATABASE_URL", "SECOND_URL"])
def test_one_of_two_databases_differs(project, new_database, monkeypatch, different):
    """All of them have to agree for the file to be left out."""
    urls = {name: new_database("sqlite") for name in ("DATABASE_URL", "SECOND_URL")}
    for name, url in urls.items():
        monkeypatch.setenv(name, url)
    new_project(project, "--multidb")
    project.write("migrations/env.py", TWO_DATABASES)
    if different:
        rows(urls[different], "CREATE TABLE stray (id INTEGER)")
    done = run(project, "migrate", "--allow-drops")
    assert done.status == 0, done.err
    assert len(project.versions) == bool(different)
    assert (SAID in done.err) is not bool(different)
