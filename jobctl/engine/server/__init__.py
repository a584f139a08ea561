"""The embedded server: a private Valkey of one project."""
