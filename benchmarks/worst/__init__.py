"""What each script costs at worst, in Redis's time."""
