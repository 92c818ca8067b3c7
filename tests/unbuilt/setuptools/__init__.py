"""What pip finds in place of setuptools when it only has to fetch an old archive."""
