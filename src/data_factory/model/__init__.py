"""The words of a Data Factory: definitions, resources, requests, records, statuses, ids and errors."""
