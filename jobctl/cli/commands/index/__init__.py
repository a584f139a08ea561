"""`jobctl index`: a file a verb."""
