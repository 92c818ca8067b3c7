"""The releases of Flask-Migrate, and the templates in their archives.

Archives are fetched with pip, once, into the folder that MIGRATE_SCRIPT_CACHE names, or one in
the system's folder for temporary files; several stacks can share it. Nothing in an archive is
executed.
"""

from __future__ import annotations

import getpass
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

from projects import OUTSIDE

try:
    import fcntl
except ImportError:  # on Windows the runs do not wait for each other
    fcntl = None

ALL = """
    1.0.0 1.1.0 1.1.1 1.2.0 1.3.0 1.3.1 1.4.0 1.5.0 1.5.1 1.6.0 1.7.0 1.8.0 1.8.1
    2.0.0 2.0.1 2.0.2 2.0.3 2.0.4 2.1.0 2.1.1 2.2.0 2.2.1 2.3.0 2.3.1 2.4.0
    2.5.0 2.5.1 2.5.2 2.5.3 2.6.0 2.7.0 3.0.0 3.0.1 3.1.0
    4.0.0 4.0.1 4.0.2 4.0.3 4.0.4 4.0.5 4.0.6 4.0.7 4.1.0
""".split()

# the releases that changed a file of a template; those between two of them are like the first
CHANGED = {
    "flask": """
        1.0.0 1.1.0 1.4.0 1.5.1 2.0.1 2.0.4 2.3.1 2.4.0 2.5.0 2.5.3 2.6.0 2.7.0
        3.0.1 4.0.0 4.0.1 4.0.3 4.0.4 4.0.5
    """.split(),
    "flask-multidb": """
        1.5.0 1.5.1 2.0.1 2.0.4 2.4.0 2.5.0 2.5.3 2.6.0 2.7.0
        3.0.1 3.1.0 4.0.0 4.0.1 4.0.3 4.0.4 4.0.5
    """.split(),
}
# they need an asyncio engine and aioflask, a Flask of another kind
LEFT_OUT = {"aioflask", "aioflask-multidb"}
FILES = ("env.py", "script.py.mako", "alembic.ini.mako")
UNBUILT = Path(__file__).parent / "unbuilt"


class Template(NamedTuple):
    """A template, by the first of the releases that have it."""

    kind: str
    release: str

    @property
    def releases(self) -> list[str]:
        """All releases that have it."""
        changed = CHANGED[self.kind]
        after = changed[changed.index(self.release) + 1 :]
        return ALL[ALL.index(self.release) : ALL.index(after[0]) if after else None]

    @property
    def multidb(self) -> bool:
        """Whether it is for several databases."""
        return self.kind == "flask-multidb"

    def __str__(self) -> str:
        first, last = self.releases[0], self.releases[-1]
        return f"{self.kind}-{first}" + ("" if first == last else f"..{last}")

    @classmethod
    def of(cls, kind: str, release: str) -> Template:
        """Find the template that a release has."""
        at = ALL.index(release)
        return cls(kind, [name for name in CHANGED[kind] if ALL.index(name) <= at][-1])


TEMPLATES = [Template(kind, release) for kind in CHANGED for release in CHANGED[kind]]


def cache() -> Path:
    """Return the folder of the downloaded archives."""
    default = Path(tempfile.gettempdir()) / f"migrate_script_cache_{getpass.getuser()}"
    folder = Path(os.environ.get("MIGRATE_SCRIPT_CACHE") or default)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def pip(*arguments: str, **environment: str) -> None:
    """Run pip: this interpreter's or, where it has none, that of an environment made for it."""
    python = sys.executable
    if importlib.util.find_spec("pip") is None:
        made = _filled(
            cache() / "pip-{}.{}".format(*sys.version_info),
            lambda new: venv.create(str(new), with_pip=True),
        )
        python = str(made / ("Scripts" if os.name == "nt" else "bin") / "python")
    done = subprocess.run(
        [python, "-m", "pip", *arguments, "--quiet", "--disable-pip-version-check"],
        env={**OUTSIDE, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"pip {' '.join(arguments)} failed: {done.stdout}")


def _filled(folder: Path, fill: Callable[[Path], None]) -> Path:
    """Return a folder; where it is missing, one run of the tests fills it while others wait."""
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{folder}.lock", "w") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return folder
        new = Path(tempfile.mkdtemp(dir=str(folder.parent)))
        try:
            fill(new)
            new.rename(folder)
        except BaseException:
            shutil.rmtree(str(new))
            if not folder.exists():  # else another run was quicker
                raise
    return folder


def archive(release: str) -> Path:
    """Fetch the archive of a release, a wheel where it has one."""

    def download(new: Path) -> None:
        options = ("--no-deps", "--no-build-isolation", "--use-pep517")
        requirement = f"Flask-Migrate=={release}"
        pip("download", *options, "--dest", str(new), requirement, PYTHONPATH=str(UNBUILT))

    return next(_filled(cache() / "archives" / release, download).iterdir())


def installed(release: str) -> Path:
    """Install a release into a folder of its own, to be put on PYTHONPATH."""

    def install(new: Path) -> None:
        pip("install", "--no-deps", "--no-index", "--target", str(new), str(archive(release)))

    return _filled(cache() / "installed" / release, install)


def _members(packed: Path) -> Iterator[tuple[str, bytes]]:
    """Read the files of an archive, each with its path."""
    if packed.name.endswith(".tar.gz"):
        with tarfile.open(str(packed)) as tar:
            for member in tar.getmembers():
                content = tar.extractfile(member)
                if content is not None:
                    yield member.name, content.read()
        return
    with zipfile.ZipFile(str(packed)) as files:
        for name in files.namelist():
            yield name, files.read(name)


def source_of(release: str, name: str) -> str:
    """Read a module of a release; nothing where it has none of that name."""
    files = dict(_members(archive(release)))
    found = [text for path, text in files.items() if path.endswith(f"flask_migrate/{name}")]
    return found[0].decode() if found else ""


def templates_of(release: str) -> Path:
    """Unpack the templates of a release: a folder with one folder for each."""

    def unpack(new: Path) -> None:
        for name, content in _members(archive(release)):
            _, found, path = name.partition("flask_migrate/templates/")
            if found and path.count("/") == 1 and not path.endswith(("/", ".pyc")):
                (new / path).parent.mkdir(exist_ok=True)
                (new / path).write_bytes(content)

    return _filled(cache() / "templates" / release, unpack)


def picture(release: str, kind: str) -> tuple[str, ...]:
    """Sum up the files of a template, to compare it with another."""
    folder = templates_of(release) / kind
    return tuple(hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES)
