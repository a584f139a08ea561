"""What the store keeps and hands out: bodies, records, ids, as bytes and as frozen values."""
