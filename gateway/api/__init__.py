"""HTTP schemas and routes, one file per resource."""
