"""The commands, as functions: they return what they did and raise an error of our family.

Names, parameters and their order are Flask-Migrate's, with more keywords. All but
`list_templates` need an application context. The first line of a docstring is the help sentence
on the command line, and each parameter names its flag; what env.py prints or Alembic reports goes
to standard output, as it does there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Sequence

from . import errors
from .progress import listener
from .project import Directory, Done, DoneFolder, Project, XArg
from .state import current_state

if TYPE_CHECKING:
    from alembic.script import Script


def list_templates(directory: Directory = None, x_arg: XArg = None) -> list[str]:
    """List the templates that init can use.

    :param directory: `-d`, `--directory`: accepted as by every command, without effect
    :param x_arg: `-x`, `--x-arg`: accepted as by every command, without effect
    :returns: their names
    """
    from . import config  # imports Alembic: see `Project`

    config.print_templates()
    return Done(config.template_names())


def init(
    directory: Directory = None,
    multidb: bool = False,
    template: str | None = None,
    package: bool = False,
    x_arg: XArg = None,
) -> str:
    """Create a migrations folder.

    :param directory: `-d`, `--directory`: the folder to create
    :param multidb: `--multidb`: make it for several databases (SQLALCHEMY_BINDS)
    :param template: `-t`, `--template`: the name of a template, or the path of one's own
    :param package: `--package`: add an `__init__.py` to the folder and its versions
    :param x_arg: `-x`, `--x-arg`: arguments for the application's `@migrate.configure` functions
    :returns: the folder
    :raises MigrateError: the folder is in use, or cannot be written; nothing is left of it
    """
    from . import authoring  # these import Alembic: see `Project`
    from .compat.alembic import no_advice_to_edit

    project = Project(directory, x_arg, new=True)
    folder = Path(project.directory)
    if folder.is_dir() and any(folder.iterdir()):
        raise errors.FolderError.exists(project.directory)
    name = project.config.use_template(template or ("flask-multidb" if multidb else "flask"))
    with authoring.nothing_left(project.directory), no_advice_to_edit():
        project.run("init", project.directory, template=name, package=package)
    option = "" if project.directory == project.state.directory else f" -d {project.directory}"
    listener().note(
        f"next: 'db migrate{option} -m \"...\"' writes the first revision, and "
        f"'db upgrade{option}' runs it"
    )
    return DoneFolder(project.directory)


def revision(
    directory: Directory = None,
    message: str | None = None,
    autogenerate: bool = False,
    sql: bool = False,
    head: str = "head",
    splice: bool = False,
    branch_label: str | None = None,
    version_path: str | None = None,
    rev_id: str | None = None,
    depends_on: str | Sequence[str] | None = None,
    x_arg: XArg = None,
    allow_drops: bool = False,
) -> list[Script]:
    """Create a new revision file.

    :param directory: `-d`, `--directory`: the migrations folder
    :param message: `-m`, `--message`: what the revision does; becomes a part of the file's name
    :param autogenerate: `--autogenerate`: fill it with the differences of models and database
    :param sql: `--sql`: run env.py without a database, where it runs for every revision
    :param head: `--head`: the revision to build on, or `<branch>@head`
    :param splice: `--splice`: allow to build on a revision that is not a head
    :param branch_label: `--branch-label`: a label for the branch that starts here
    :param version_path: `--version-path`: which of several versions folders to write to
    :param rev_id: `--rev-id`: an identifier of 1 to 32 letters, digits, '_' and '.'
    :param depends_on: `--depends-on`: revisions that must be applied first
    :param x_arg: `-x`, `--x-arg`: arguments for env.py
    :param allow_drops: `--allow-drops`: fill it even if that drops two or more tables which are
        more than half of those known, or any while no model is loaded, and do not leave out
        tables that no revision mentions
    :returns: the new scripts; none when there is nothing to write
    :raises MigrateError: it cannot be written; no file is left
    """
    if autogenerate and sql:
        raise errors.UsageError.nothing_for_sql("db migrate")
    project = Project(directory, x_arg, ["autogenerate"] if autogenerate else [])
    return project.write(
        "revision", message=message, autogenerate=autogenerate, sql=sql, head=head, splice=splice,
        branch_label=branch_label, version_path=version_path, rev_id=rev_id,
        depends_on=list(depends_on) if isinstance(depends_on, (list, tuple)) else depends_on,
        allow_drops=allow_drops,
    )  # fmt: skip


def migrate(
    directory: Directory = None,
    message: str | None = None,
    sql: bool = False,
    head: str = "head",
    splice: bool = False,
    branch_label: str | None = None,
    version_path: str | None = None,
    rev_id: str | None = None,
    x_arg: XArg = None,
    depends_on: str | Sequence[str] | None = None,
    allow_drops: bool = False,
) -> list[Script]:
    """Create a revision file from the differences of models and database.

    :param directory: `-d`, `--directory`: the migrations folder
    :param message: `-m`, `--message`: what the revision does; becomes a part of the file's name
    :param sql: `--sql`: refused, as the database is compared; Flask-Migrate has it
    :param head: `--head`: the revision to build on, or `<branch>@head`
    :param splice: `--splice`: allow to build on a revision that is not a head
    :param branch_label: `--branch-label`: a label for the branch that starts here
    :param version_path: `--version-path`: which of several versions folders to write to
    :param rev_id: `--rev-id`: an identifier of 1 to 32 letters, digits, '_' and '.'
    :param x_arg: `-x`, `--x-arg`: arguments for env.py
    :param depends_on: `--depends-on`: revisions that must be applied first
    :param allow_drops: `--allow-drops`: fill it even if that drops two or more tables which are
        more than half of those known, or any while no model is loaded, and do not leave out
        tables that no revision mentions
    :returns: the new scripts; none when there is nothing to write
    :raises MigrateError: it cannot be written; no file is left
    """
    return revision(
        directory, message, True, sql, head, splice, branch_label, version_path, rev_id,
        depends_on, x_arg, allow_drops,
    )  # fmt: skip


def edit(directory: Directory = None, revision: str = "head", x_arg: XArg = None) -> list[Script]:
    """Open a revision file in $EDITOR.

    :param directory: `-d`, `--directory`: the migrations folder
    :param revision: the revision; `current` for that of the database
    :param x_arg: `-x`, `--x-arg`: arguments for env.py
    :returns: the scripts that were opened
    :raises MigrateError: there is no such revision, or no editor
    """
    _, run = Project(directory, x_arg).run("edit", revision)
    return Done(run.scripts)


def merge(
    directory: Directory = None,
    revisions: str | Sequence[str] = (),
    message: str | None = None,
    branch_label: str | None = None,
    rev_id: str | None = None,
    x_arg: XArg = None,
) -> list[Script]:
    """Join several heads in a new revision file.

    :param directory: `-d`, `--directory`: the migrations folder
    :param revisions: the revisions to join; all heads when none is named
    :param message: `-m`, `--message`: becomes a part of the file's name; names them by default
    :param branch_label: `--branch-label`: a label for the joined branch
    :param rev_id: `--rev-id`: an identifier of 1 to 32 letters, digits, '_' and '.'
    :param x_arg: `-x`, `--x-arg`: arguments for env.py
    :returns: the new scripts; none when there is nothing to join
    :raises MigrateError: there is no such revision, or it cannot be written
    """
    project = Project(directory, x_arg)
    names = project.heads_to_join(revisions)
    if not names:
        return Done()
    if not message and len(names) > 1:
        message = f"merge {', '.join(names[:-1])} and {names[-1]}"
    return project.write("merge", names, message=message, branch_label=branch_label, rev_id=rev_id)


def upgrade(
    directory: Directory = None,
    revision: str = "head",
    sql: bool = False,
    tag: str | None = None,
    x_arg: XArg = None,
    lock_timeout: float | None = None,
    dry_run: bool = False,
    verify: bool = False,
    ddl_lock_timeout: float | None = None,
    backup: bool = False,
    clean_leftovers: bool = False,
    yes: bool = False,
    no_loss: bool = False,
) -> list[str]:
    """Upgrade the database to a later revision.

    :param directory: `-d`, `--directory`: the migrations folder
    :param revision: the target: `head`, `heads`, an identifier, `+2`; with `--sql` also `from:to`
    :param sql: `--sql`: print the SQL and leave the database alone
    :param tag: `--tag`: any word, for env.py to read
    :param x_arg: `-x`, `--x-arg`: arguments for env.py
    :param lock_timeout: `--lock-timeout`: seconds to wait for another migration; None: the setting
    :param dry_run: `--dry-run`: run all, report how long slow ones take, and undo all
    :param verify: `--verify`: compare the models and the database after the run; fail if they
        differ, and undo the run where the database can
    :param ddl_lock_timeout: `--ddl-lock-timeout`: how many seconds a statement waits for a table
        that somebody else uses, on PostgreSQL; None for as long as it takes
    :param backup: `--backup`: copy the database before the first step
    :param clean_leftovers: `--clean-leftovers`: on SQLite, drop the copies of tables that a stopped
        batch has left, even where no revision is due; a copy with rows of its own stays
    :param yes: `--yes`: go on although data is lost and `allow_loss` is False
    :param no_loss: `--no-loss`: run nothing if a step drops a table or column with data in it, as
        far as its script says so literally
    :returns: the identifiers of the revisions that ran, in order
    :raises MigrateError: there is no such revision, or one failed
    """
    if sql and revision.startswith("base:"):
        revision = revision[len("base:") :]  # Alembic 0.8.4 starts there by itself only
    _, run = Project(directory, x_arg).run(
        "upgrade", revision, sql=sql, tag=tag, lock_timeout=lock_timeout, dry_run=dry_run,
        verify=verify, ddl_lock_timeout=ddl_lock_timeout, backup=backup,
        clean_leftovers=clean_leftovers, yes=yes, no_loss=no_loss,
    )  # fmt: skip
    return Done(run.revisions)


def downgrade(
    directory: Directory = None,
    revision: str = "-1",
    sql: bool = False,
    tag: str | None = None,
    x_arg: XArg = None,
    lock_timeout: float | None = None,
    dry_run: bool = False,
    yes: bool = False,
    ddl_lock_timeout: float | None = None,
    backup: bool = False,
    no_loss: bool = False,
) -> list[str]:
    """Downgrade the database to an earlier revision.

    :param directory: `-d`, `--directory`: the migrations folder
    :param revision: `--revision` or the argument: an identifier, `-1`, `base`; with `--sql` also
        `from:to`, where `-1` alone means `head:-1`
    :param sql: `--sql`: print the SQL and leave the database alone
    :param tag: `--tag`: any word, for env.py to read
    :param x_arg: `-x`, `--x-arg`: arguments for env.py
    :param lock_timeout: `--lock-timeout`: seconds to wait for another migration; None: the setting
    :param dry_run: `--dry-run`: run all, report how long slow ones take, and undo all
    :param yes: `--yes`: lose data without a question, and although `allow_loss` is False
    :param no_loss: `--no-loss`: run nothing if a step drops a table or column with data in it, as
        far as its script says so literally
    :param ddl_lock_timeout: `--ddl-lock-timeout`: how many seconds a statement waits for a table
        that somebody else uses, on PostgreSQL; None for as long as it takes
    :param backup: `--backup`: copy the database before the first step
    :returns: the identifiers of the revisions that were undone, in order
    :raises MigrateError: there is no such revision, or one failed
    """
    if sql and revision == "-1":
        revision = "head:-1"
    _, run = Project(directory, x_arg).run(
        "downgrade", revision, sql=sql, tag=tag, lock_timeout=lock_timeout, dry_run=dry_run,
        yes=yes, ddl_lock_timeout=ddl_lock_timeout, backup=backup, no_loss=no_loss,
    )  # fmt: skip
    return Done(run.revisions)


def show(directory: Directory = None, revision: str = "head", x_arg: XArg = None) -> list[Script]:
    """Show a revision.

    :param directory: `-d`, `--directory`: the migrations folder
    :param revision: the revision; `current` for that of the database
    :param x_arg: `-x`, `--x-arg`: arguments for env.py
    :returns: the scripts that were shown
    :raises MigrateError: there is no such revision
    """
    project = Project(directory, x_arg)
    _, run = project.run("show", revision)
    what = "the database is at" if revision == "current" else f"'{revision}' is"
    return project.shown(Done(run.scripts), f"{what} no revision")


def history(
    directory: Directory = None,
    rev_range: str | None = None,
    verbose: bool = False,
    indicate_current: bool = False,
    x_arg: XArg = None,
) -> list[Script]:
    """List the revisions, newest first.

    :param directory: `-d`, `--directory`: the migrations folder
    :param rev_range: `-r`, `--rev-range`: `[start]:[end]`, where either may be `current`
    :param verbose: `-v`, `--verbose`: show more of each
    :param indicate_current: `-i`, `--indicate-current`: mark the database's revision
    :param x_arg: `-x`, `--x-arg`: arguments for env.py
    :returns: the scripts that were listed
    :raises MigrateError: the range is not one
    """
    project = Project(directory, x_arg)
    _, run = project.run("history", rev_range, verbose=verbose, indicate_current=indicate_current)
    return project.shown(Done(run.scripts), f"no revision is in the range '{rev_range}'")


def heads(
    directory: Directory = None,
    verbose: bool = False,
    resolve_dependencies: bool = False,
    x_arg: XArg = None,
) -> list[str]:
    """List the newest revision of each branch.

    :param directory: `-d`, `--directory`: the migrations folder
    :param verbose: `-v`, `--verbose`: show more of each
    :param resolve_dependencies: `--resolve-dependencies`: leave out what another one depends on
    :param x_arg: `-x`, `--x-arg`: arguments for env.py
    :returns: their identifiers
    :raises MigrateError: a script cannot be loaded
    """
    project = Project(directory, x_arg)
    _, run = project.run("heads", verbose=verbose, resolve_dependencies=resolve_dependencies)
    return project.shown(Done(script.revision for script in run.scripts))


def branches(
    directory: Directory = None, verbose: bool = False, x_arg: XArg = None
) -> list[Script]:
    """List the revisions where branches part.

    :param directory: `-d`, `--directory`: the migrations folder
    :param verbose: `-v`, `--verbose`: show more of each
    :param x_arg: `-x`, `--x-arg`: arguments for env.py
    :returns: those scripts
    :raises MigrateError: a script cannot be loaded
    """
    project = Project(directory, x_arg)
    _, run = project.run("branches", verbose=verbose)
    found = Done(script for script in run.scripts if script.is_branch_point)
    return project.shown(found, "no revision is followed by several")


def current(
    directory: Directory = None,
    verbose: bool = False,
    head_only: bool = False,
    check_heads: bool = False,
    x_arg: XArg = None,
) -> list[str]:
    """Show the revision that the database is at.

    :param directory: `-d`, `--directory`: the migrations folder
    :param verbose: `-v`, `--verbose`: show more of each
    :param head_only: `--head-only`: accepted for old scripts, without effect since Alembic 0.7
    :param check_heads: `--check-heads`: fail unless it is the newest
    :param x_arg: `-x`, `--x-arg`: arguments for env.py
    :returns: the identifiers, one for each branch; none for an empty database
    :raises MigrateError: the database cannot be read, or is not at the heads
    """
    project = Project(directory, x_arg)
    _, run = project.run("current", verbose=verbose)
    if check_heads:
        newest = [script.revision for script in project.find("heads")]
        if any(set(at) != set(newest) for at in run.heads_of_each):
            raise errors.NotAtHead(run.heads, newest)
    return project.shown(Done(run.heads), "the database is at no revision")


def stamp(
    directory: Directory = None,
    revision: str | Sequence[str] = "head",
    sql: bool = False,
    tag: str | None = None,
    purge: bool = False,
    x_arg: XArg = None,
    lock_timeout: float | None = None,
) -> list[str]:
    """Stamp the database with a revision without running it.

    :param directory: `-d`, `--directory`: the migrations folder
    :param revision: the revision; `heads`, or `base` for none
    :param sql: `--sql`: print the SQL and leave the database alone
    :param tag: `--tag`: any word, for env.py to read
    :param purge: `--purge`: delete the recorded revisions first, known or not
    :param x_arg: `-x`, `--x-arg`: arguments for env.py
    :param lock_timeout: `--lock-timeout`: seconds to wait for another migration; None: the setting
    :returns: the identifiers that are recorded now
    :raises MigrateError: there is no such revision
    """
    project = Project(directory, x_arg)
    project.run("stamp", revision, sql=sql, tag=tag, purge=purge, lock_timeout=lock_timeout)
    targets = [revision] if isinstance(revision, str) else list(revision)
    names = [target.split(":")[-1] for target in targets]
    return Done(script.revision for script in project.find(names))


def check(directory: Directory = None, x_arg: XArg = None) -> None:
    """Fail if the models and the database differ.

    :param directory: `-d`, `--directory`: the migrations folder
    :param x_arg: `-x`, `--x-arg`: arguments for env.py
    :raises DifferencesFound: they differ
    :raises MigrateError: they cannot be compared
    """
    project = Project(directory, x_arg)
    project.mention_heads("check")
    project.run("check")


def restore(
    directory: Directory = None,
    file: str | None = None,
    x_arg: XArg = None,
    lock_timeout: float | None = None,
    bind: str | None = None,
    yes: bool = False,
) -> None:
    """Restore an SQLite database from a file that --backup has made.

    A server's dump is restored by the server's own program; the error shows its command.

    :param directory: `-d`, `--directory`: the migrations folder
    :param file: the backup
    :param x_arg: `-x`, `--x-arg`: accepted as by every command, without effect
    :param lock_timeout: `--lock-timeout`: how many seconds to wait for a migration of the
        database; None for 300
    :param bind: `--bind`: which of several databases, by its name in SQLALCHEMY_BINDS, or
        `default`; None for the one that the name of the file shows
    :param yes: `--yes`: replace the database without a question; without it, only a person at a
        terminal can agree
    :raises MigrateError: the backup is incomplete, of a server, or nobody agreed
    """
    from .running.backup import restore as restore_file  # imports Alembic, as said in `project`

    if not file:
        raise errors.UsageError.no_backup_named()
    restore_file(current_state().engines, file, lock_timeout, bind, yes)
