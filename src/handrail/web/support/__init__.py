"""Request support, as part of the page of a tenant or a run."""
