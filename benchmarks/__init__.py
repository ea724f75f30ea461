"""What it costs, measured from outside: a real server in one process, the load in another."""
