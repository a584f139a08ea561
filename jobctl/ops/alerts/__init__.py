"""Alerts: what each measures, who is told, and the thread of a scheduler that looks every five seconds."""
