"""PDFs and images: newly drawn, with black boxes in the pixels, in a process of its own with limits.

boxes ────── what a person covers: places on a page, in thousandths of its width and height
drawing ──── from bytes to pixels and back to one PNG; runs only in the child
child ────── the program of the child process: its limits, its one request, its answer
isolated ─── the parent's side: starts the child, and refuses what it doesn't answer
examining ── what must not leave in the text layer, and in what text recognition reads
"""
