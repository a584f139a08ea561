"""What `huey_consumer` loads."""

from benchmarks.others import huey_app

app, jobs = huey_app()
