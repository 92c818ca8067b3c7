"""Waits for the import of an old module name, and has the package find it from then on.

`python -m migrate_script enable` writes a copy of this file into site-packages, which Python
imports when it starts; `python -m migrate_script disable` removes it. It is small, as every start
of Python in that environment pays for it, and does nothing where the package is gone.
"""

# mypy: ignore-errors

import sys

_NAMES = ("flask_script", "flask_migrate", "flask.ext", "flask.exthook")


def _find(name, path=None):
    for finder in sys.meta_path:
        spec = getattr(finder, "find_spec", lambda *_: None)(name, path)
        if spec is not None:
            return spec
    return None


def _finders():
    # the package, which imports Flask-Script itself, is not imported for that
    package = _find("migrate_script")
    folders = package.submodule_search_locations if package is not None else None
    places = [f"{folder}/compat/launcher" for folder in folders or ()]
    spec = _find("migrate_script.compat.launcher.aliases", places)
    if spec is None:
        return []
    module = type(sys)(spec.name)
    module.__file__ = spec.origin
    spec.loader.exec_module(module)
    return module.for_environment()


class _Hook:
    finders = ()

    def find_spec(self, name, path=None, target=None):
        if name not in _NAMES:
            return None
        # Python holds the lock of all imports meanwhile
        self.finders = self.finders or _finders()
        if self.finders and self in sys.meta_path:
            at = sys.meta_path.index(self)
            sys.meta_path[at : at + 1] = self.finders
        # another thread may have begun to ask before that
        found = (finder.find_spec(name, path) for finder in self.finders)
        return next((spec for spec in found if spec is not None), None)


sys.meta_path.insert(0, _Hook())
