"""Works on what is due: claims rows, and hands each to a thread that calls one action and nothing else."""
