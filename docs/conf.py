"""How Sphinx builds the documentation: `tox -e docs`."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "extensions"), str(HERE.parent)]

import migrate_script  # noqa: E402

project = "migrate_script"
author = copyright = "The migrate_script developers"
release = version = migrate_script.__version__

extensions = ["sphinx.ext.autodoc", "reference"]
exclude_patterns = ["benchmarks", "upstream"]
# as in the docstrings
default_role = "code"
nitpicky = True
# what the annotations of the public functions name, and other projects document
nitpick_ignore_regex = [
    ("py:.*", r"(alembic|click|flask_script|os|sqlalchemy|exc)\..*"),
    ("py:class", "Any|Callable|Directory|Manager|Path|Schema|Script|XArg"),
    ("py:class", r"migrate_script\.(sql|sqlite_alter)\..*"),
    ("py:exc", r"sqlite3\.Error"),
]
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True

html_theme = "furo"
html_title = f"migrate_script {release}"
html_copy_source = False
html_show_sphinx = False
