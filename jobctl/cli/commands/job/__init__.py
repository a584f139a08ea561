"""`jobctl job`: a file a verb."""
