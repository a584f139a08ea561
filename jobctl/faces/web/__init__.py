"""The pages of `jobctl web`: read without a script, changed only by those who have the token for it."""
