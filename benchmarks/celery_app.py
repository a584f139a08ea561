"""What `celery worker` loads."""

from benchmarks.others import celery_app

app, jobs = celery_app()
