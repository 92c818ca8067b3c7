"""Virtual environments made for a test, with the libraries of the running stack."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path

import old_releases
from projects import OUTSIDE, Result

ROOT = Path(__file__).resolve().parent.parent
# what an environment has of its own, or is not to have
_LEFT_OUT = ("migrate_script", "flask_migrate", "pip", "setuptools", "pkg_resources", "__", "_virt")


def link_stack(site_packages: Path) -> None:
    """Link the libraries of the running stack into another folder of packages."""
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for source in Path(folder).iterdir():
            name, link = source.name.lower().replace("-", "_"), site_packages / source.name
            if not (name.startswith(_LEFT_OUT) or source.suffix == ".pth" or link.exists()):
                link.symlink_to(source)


def built_wheel(folder: Path) -> Path:
    """Build the wheel of the package, of a copy: setuptools writes into the tree."""
    tree = folder / "tree"
    tree.mkdir()
    for name in ("setup.py", "setup.cfg", "README.rst", "LICENSE", "MANIFEST.in"):
        shutil.copy(str(ROOT / name), str(tree))
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(str(ROOT / "migrate_script"), str(tree / "migrate_script"), ignore=ignored)
    old_releases.pip(
        "wheel", "--no-deps", "--use-pep517", "--wheel-dir", str(folder / "dist"), str(tree)
    )
    return next((folder / "dist").glob("*.whl"))


class Environment:
    """A virtual environment with a wheel of the package, in which commands are run."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        venv.create(str(folder), with_pip=True)
        self.python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
        words = "import sysconfig; print(sysconfig.get_path('purelib'))"
        self.wheel = wheel
        self.cwd = folder
        self.site_packages = Path(self.run("-c", words).out.strip())
        link_stack(self.site_packages)
        self.install()

    def run(self, *arguments: str, **environment: str) -> Result:
        """Run `python arguments` in the working directory of the test."""
        outside = {k: v for k, v in OUTSIDE.items() if not k.startswith("PYTHON")}
        done = subprocess.run(
            [str(self.python), *arguments],
            cwd=str(self.cwd),
            env={**outside, "PYTHONWARNINGS": "ignore", **environment},
            capture_output=True,
            text=True,
            timeout=600,  # it hangs
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def ours(self, *arguments: str, **environment: str) -> Result:
        """Run `python -m migrate_script arguments`."""
        return self.run("-m", "migrate_script", *arguments, **environment)

    def install(self) -> None:
        """Install the wheel."""
        done = self.run("-m", "pip", "install", "-q", "--no-deps", "--no-index", str(self.wheel))
        assert done.status == 0, done.err

    def uninstall(self) -> None:
        """Remove the package."""
        done = self.run("-m", "pip", "uninstall", "-q", "-y", "migrate-script")
        assert done.status == 0, done.err

    def link_release(self, release: str) -> None:
        """Have this environment use a release of Flask-Migrate."""
        for source in old_releases.installed(release).iterdir():
            (self.site_packages / source.name).symlink_to(source)

    def unlink_release(self) -> None:
        """Have it use none."""
        for link in self.site_packages.glob("[Ff]lask_[Mm]igrate*"):
            link.unlink()

    def files(self) -> list[str]:
        """List what is in its site-packages by the name of the package."""
        found = self.site_packages.glob("**/*migrate_script*")
        return sorted(str(path.relative_to(self.site_packages)) for path in found)
