"""Metadata is in setup.cfg, but for the version, which `migrate_script.__version__` is."""

import os
import re

from setuptools import setup

# read and not imported, as `attr:` does before setuptools 46: what the package needs may be missing
HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, "migrate_script", "__init__.py"), encoding="utf-8") as file:
    VERSION = re.search(r'^__version__ = "(.+)"$', file.read(), re.MULTILINE).group(1)

setup(version=VERSION)
