"""`jobctl schedule`: a file a verb."""
