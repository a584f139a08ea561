"""`jobctl deploy`: a file a verb."""
