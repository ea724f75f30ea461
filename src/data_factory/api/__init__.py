"""HTTP: one module a resource; `application` puts them together."""
