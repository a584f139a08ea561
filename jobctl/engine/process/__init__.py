"""One worker process: what it fetches and holds, the threads that run it, what it commits."""
