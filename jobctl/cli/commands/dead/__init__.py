"""`jobctl dead`: a file a verb."""
