"""What a person can do, as functions that return records."""
