"""What differs by database: checks before the first step, transactions; one file a dialect."""
