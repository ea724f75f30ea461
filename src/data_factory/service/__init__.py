"""The verbs of the platform: each loads what it needs, asks the engine, and applies the answer."""
