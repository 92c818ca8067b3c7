"""The command line: one table, two front ends."""
