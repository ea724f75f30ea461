"""The floor: the same work with nothing but the HTTP parser, msgspec and the store's statements.

There is no router, no engine, no graph, no refusal, no wake-up of others: a job has one task, a claim finds it, a
report ends it. What the real server costs beyond this is what all of that costs.
"""
