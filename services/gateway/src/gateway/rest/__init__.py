"""The gateway over HTTP: one door for the console, scripts and partners."""
