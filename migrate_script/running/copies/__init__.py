"""A copy of a whole database, before a run and back again."""
