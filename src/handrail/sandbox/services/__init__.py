"""One module per outside system. Each keeps its own state and says which routes it answers."""
