"""The SDK for custom tasks: `@task` marks a function, `Worker` runs it. Import both from `data_factory`."""
