"""The product's backend, on a connection that belongs to tests: what Handrail does in a scope it does as its role."""
