"""How Redis is spoken to: connections, keys, scripts, wake-ups."""
