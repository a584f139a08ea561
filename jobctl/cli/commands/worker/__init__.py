"""`jobctl worker`: a file a verb."""
