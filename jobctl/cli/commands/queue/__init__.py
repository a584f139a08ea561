"""`jobctl queue`: a file a verb."""
