"""The moves of a run: from what is known of it, and what outside systems answered, to a decision."""
