"""What decides over one attempt: may it start, when is it stopped, what becomes of it."""
