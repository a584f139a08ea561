"""`jobctl op`."""
