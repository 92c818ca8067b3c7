"""The exceptions that a user can meet, and their sentences.

::

    MigrateError                    status 1
    +-- UsageError                  status 2: the command line or a setting is wrong
    +-- NotConfigured               no application context, or no Migrate(app, db)
    +-- FolderError                 the migrations folder is missing, in the way or unreadable
    +-- ScriptError                 a file of the folder cannot be used: env.py, a revision
    +-- RevisionError               no such revision, several heads, ...
    +-- NewFileError                a new revision cannot be written as asked
    +-- DatabaseError               the database refuses: connection or statement
    +-- DifferencesFound            `check` or --verify found the models and the database apart
    +-- NotAtHead                   `current --check-heads`: the database is not at the heads
    +-- BackupError                 a backup cannot be made or restored
    +-- NotProtected                env.py bypasses the hooks of this package
    +-- NotReady                    a run would fail: no right, no room, nothing may be written
    +-- LockTimeout, LockLost       another migration runs, or may run
    +-- JournalError                an unfinished revision cannot go on
    +-- AlterError                  a table of SQLite cannot be altered as asked
    +-- NeedsDatabase               a script reads rows, with --sql
    +-- NothingKept                 a script rolled back the run, or env.py never commits it
    +-- CannotDryRun                --dry-run could not be undone
    +-- Interrupted, NotAgreed      Control-C, SIGTERM, or the answer no
    |   +-- LossRefused             data would be lost, and --no-loss forbids it
    +-- EnablingError               `enable` or `disable` cannot be done, or `--check` says off
    +-- NeedsNewerAlembic           the installed Alembic cannot do it
    +-- AlembicError                anything else that Alembic refuses
    +-- Unexpected                  anything else at all

A constructor takes the facts and builds the sentence: what happened, with which value, what to
type next. Nothing here prints; `cli.console` does, and a program that imports the package
catches `MigrateError`. `family` is below the other modules.
"""

from __future__ import annotations

from .database_errors import BackupError as BackupError
from .database_errors import DatabaseError as DatabaseError
from .database_errors import DifferencesFound as DifferencesFound
from .database_errors import NotAtHead as NotAtHead
from .database_errors import why_no_engine as why_no_engine
from .family import MEGABYTE as MEGABYTE
from .family import AlembicError as AlembicError
from .family import MigrateError as MigrateError
from .family import NeedsNewerAlembic as NeedsNewerAlembic
from .family import Unexpected as Unexpected
from .family import UsageError as UsageError
from .family import cause_of as cause_of
from .family import cause_text as cause_text
from .family import counted as counted
from .family import no_revision_yet as no_revision_yet
from .family import one_line as one_line
from .family import place_text as place_text
from .family import url_without_passwords as url_without_passwords
from .family import without_passwords as without_passwords
from .folder_errors import EnablingError as EnablingError
from .folder_errors import FolderError as FolderError
from .folder_errors import NewFileError as NewFileError
from .folder_errors import NotConfigured as NotConfigured
from .folder_errors import ScriptError as ScriptError
from .revision_errors import RevisionError as RevisionError
from .running_errors import AlterError as AlterError
from .running_errors import CannotDryRun as CannotDryRun
from .running_errors import Interrupted as Interrupted
from .running_errors import JournalError as JournalError
from .running_errors import LockLost as LockLost
from .running_errors import LockTimeout as LockTimeout
from .running_errors import LossRefused as LossRefused
from .running_errors import NeedsDatabase as NeedsDatabase
from .running_errors import NotAgreed as NotAgreed
from .running_errors import NothingKept as NothingKept
from .running_errors import NotProtected as NotProtected
from .running_errors import NotReady as NotReady
from .running_errors import with_outcome as with_outcome
