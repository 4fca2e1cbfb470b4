"""Runs queued tasks: each calls one action of a slice and nothing else."""
