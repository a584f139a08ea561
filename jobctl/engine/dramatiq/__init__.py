"""Dramatiq's side: the broker, a consumer for stock workers, middleware and its hooks."""
