"""What stops `enable` and `disable`: the files and the Python of an environment."""

from __future__ import annotations

from .family import MigrateError


class EnablingError(MigrateError):
    """The old names cannot be turned on or off, or are off where `--check` asks."""

    @classmethod
    def cannot_write(cls, folder: object, error: OSError, command: str) -> EnablingError:
        return cls(
            f"cannot write to '{folder}': {error.strerror or error}: do it as the owner of that "
            f"folder, or run '{command} manage.py ...', which writes nothing"
        )

    @classmethod
    def cannot_remove(cls, error: OSError) -> EnablingError:
        return cls(
            f"cannot remove '{error.filename}': {error.strerror}: do it as the owner of that folder"
        )

    @classmethod
    def not_installed(cls, prefix: str) -> EnablingError:
        return cls(
            f"migrate_script is not installed in '{prefix}', but only in the working directory: "
            "type 'python -m pip install .' first"
        )

    @classmethod
    def does_not_start(cls, python: str, status: int) -> EnablingError:
        return cls(
            f"'{python}' ends with status {status} when it starts: correct what stops it first "
            f"('{python} -c pass' shows where)"
        )

    @classmethod
    def not_read(cls, folder: object, command: str) -> EnablingError:
        return cls(
            f"this Python does not execute the .pth files of '{folder}': run '{command} manage.py "
            "...' instead"
        )

    @classmethod
    def is_off(cls, prefix: str, command: str) -> EnablingError:
        return cls(f"the old names are off in '{prefix}': '{command} enable' turns them on")

    @classmethod
    def still_on(cls, hook: str, command: str) -> EnablingError:
        return cls(
            f"the old names are still on, by '{hook}': type '{command} disable' with the Python "
            "of that folder"
        )
