"""Where it is kept. `promises` says what a store does; `sqlite` does it in one file, `postgresql` in a database."""
