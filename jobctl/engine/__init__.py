"""What runs jobs: broker, worker, supervisor, scheduler, embedded server."""
