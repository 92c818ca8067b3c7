"""One migration at a time: for each database, and in one process."""
