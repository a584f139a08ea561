"""One module a kind of handler."""
