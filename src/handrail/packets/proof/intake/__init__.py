"""The receiver's command line, once for the one file ``handrail-intake`` and for ``handrail intake``.

definition ─ commands and options as data, from which argparse and Typer are made
commands ─── what each of them does
printing ─── lines of 80 columns, JSON, and no character that a terminal obeys
program ──── the one file's own beginning: argparse, errors, exit codes
building ─── writes the one file: these modules, readable, with the same bytes on every machine
"""
