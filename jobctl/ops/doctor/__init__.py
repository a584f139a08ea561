"""What breaks jobctl's promises: checks of the server, of who works, of what waits, and of the catalog."""
