"""Three workers under one fault at a time, and an outside world that keeps its own account: ``make chaos``."""
