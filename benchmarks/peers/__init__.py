"""Ours and its peers, side by side in the same run, each at its best documented settings.

A module a peer: what it needs, how it is started, what a job is there. What they share: `peer` has the words, `tools`
installs, `stage` starts and ends programs, `rounds` measures. What runs in a peer's own environment, with its own
libraries, is in `programs/`; the load in there is the same for all (`programs/driving.py`).
"""
