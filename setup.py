"""All metadata is in setup.cfg; this file serves old installers."""

from setuptools import setup

setup()
