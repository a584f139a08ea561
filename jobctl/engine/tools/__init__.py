"""Small tools that any room may use: an event loop, a flag to stop by, systemd's notifications, what a process is."""
