"""The verbs of a transaction on PostgreSQL, by what they are about; each has its statements in `sql/`."""
