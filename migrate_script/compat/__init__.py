"""Everything that depends on a release of another package, private names included.

tests/compat/test_private_names.py lists those names, with the releases that have them.
"""
