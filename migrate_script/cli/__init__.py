"""The command line: one table of commands, two front ends."""
