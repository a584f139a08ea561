"""`jobctl limit`: a file a verb."""
