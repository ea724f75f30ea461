"""The verbs of a transaction on SQLite, by what they are about; each has its statements in `sql/`."""
