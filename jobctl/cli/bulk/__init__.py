"""Bulk changes from the command line: selection, plan, confirmation, and a run that can be interrupted."""
