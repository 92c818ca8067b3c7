"""`python -m migrate_script`: an unchanged script with the module names of its time."""
