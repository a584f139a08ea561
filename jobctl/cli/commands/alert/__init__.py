"""`jobctl alert`."""
