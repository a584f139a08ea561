"""`jobctl completion`: a file a verb."""
