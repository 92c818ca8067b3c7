"""Every failure a user can meet, and the words for it.

::

    MigrateError                    status 1
    +-- UsageError                  status 2: the command line is wrong
    |   +-- NoSuchCommand, NoSuchOption, TooManyArguments, GivenTwice, BadValue, BadSetting
    |   +-- NothingToRun            the launcher finds no program
    +-- NotConfigured               no application context, or no Migrate(app, db)
    +-- FolderError                 the migrations folder is missing, in the way or unreadable
    +-- ScriptError                 a file of the folder cannot be used: env.py, a revision
    +-- RevisionError               no such revision, several heads, ...
    +-- NewFileError                a new revision cannot be written as asked
    +-- DatabaseError               the database refuses: connection or statement
    +-- DifferencesFound            `check` found the models and the database apart
    +-- NotAtHead                   `current --check-heads` found the database behind
    +-- BackupError                 a copy of the database cannot be made or put back
    +-- NotReady                    a run would fail: no right, no room, nothing may be written
    +-- LockTimeout, LockLost       another migration runs, or may run
    +-- JournalError                an unfinished revision cannot go on
    +-- AlterError                  a table of SQLite cannot be altered as asked
    +-- ForeignKeysBroken           rows refer to missing rows since a revision
    +-- VerifyFailed                --verify found the models and the database apart
    +-- RolledBack                  a script rolled back more than was its own
    +-- NothingKept                 env.py never commits what it has begun
    +-- CannotDryRun                --dry-run could not be undone
    +-- Interrupted, NotAgreed      a person stopped it, or said no
    +-- NeedsNewerAlembic           the installed Alembic cannot do it
    +-- AlembicError                anything else that Alembic refuses
    +-- Unexpected                  anything else at all

A constructor takes the facts and builds the sentence: what happened, with which value, what to
type next. Nothing here prints; `cli.console` does, and a program that imports the package
catches `MigrateError`. `words` is below the other modules; each of them is for one kind of fact.
"""

from __future__ import annotations

from .database import BackupError as BackupError
from .database import DatabaseError as DatabaseError
from .database import DifferencesFound as DifferencesFound
from .database import NotAtHead as NotAtHead
from .folder import CORRECT_AND_REPEAT as CORRECT_AND_REPEAT
from .folder import FolderError as FolderError
from .folder import NewFileError as NewFileError
from .folder import NotConfigured as NotConfigured
from .folder import RevisionError as RevisionError
from .folder import ScriptError as ScriptError
from .running import AlterError as AlterError
from .running import CannotDryRun as CannotDryRun
from .running import ForeignKeysBroken as ForeignKeysBroken
from .running import Interrupted as Interrupted
from .running import JournalError as JournalError
from .running import LockLost as LockLost
from .running import LockTimeout as LockTimeout
from .running import NotAgreed as NotAgreed
from .running import NothingKept as NothingKept
from .running import NotReady as NotReady
from .running import RolledBack as RolledBack
from .running import VerifyFailed as VerifyFailed
from .running import broken_by_column as broken_by_column
from .running import losing as losing
from .running import with_outcome as with_outcome
from .usage import BadSetting as BadSetting
from .usage import BadValue as BadValue
from .usage import GivenTwice as GivenTwice
from .usage import NeedsNewerAlembic as NeedsNewerAlembic
from .usage import NoSuchCommand as NoSuchCommand
from .usage import NoSuchOption as NoSuchOption
from .usage import NothingToRun as NothingToRun
from .usage import TooManyArguments as TooManyArguments
from .usage import UsageError as UsageError
from .words import MEGABYTE as MEGABYTE
from .words import AlembicError as AlembicError
from .words import MigrateError as MigrateError
from .words import Unexpected as Unexpected
from .words import cause_of as cause_of
from .words import cause_text as cause_text
from .words import one_line as one_line
from .words import without_passwords as without_passwords
