"""Steps from one layout of a namespace to the next, one file each: `to_N.py` leads to layout N.

A step is a sequence of parts. A part counts what there is to look at, and gives batches of commands, each of which is
written in one transaction if the migration is still the one that began. A batch that was written is not given again by
a step that is begun again. To add a step: a file here, a line in STEPS (run.py), and `LAYOUT` in store/wire/layout.py.
"""
