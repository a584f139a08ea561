"""`jobctl top`: a screen that keeps looking, and from which jobs are retried and cancelled, queues paused."""
