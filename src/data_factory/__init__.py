"""An open, self-hosted Data Factory: durable jobs of custom tasks, run by your own workers over HTTP."""
