"""Filters: `queue:email (job:send-* OR error~timeout) NOT args.tenant=acme since:2h`. See docs/filters.md."""
