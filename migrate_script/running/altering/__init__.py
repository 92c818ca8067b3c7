"""SQLite alters anything: what a revision does to a table, to the table's own text and rows."""
