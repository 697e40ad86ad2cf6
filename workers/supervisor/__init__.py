"""Starts the workers of a site, watches over them, and ends them in order."""
