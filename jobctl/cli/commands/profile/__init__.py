"""`jobctl profile`: a file a verb."""
