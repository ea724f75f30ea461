"""`python -m data_factory.cli`: the command line, where its script is not on the path."""

from __future__ import annotations

from data_factory.cli.main import main

main()
