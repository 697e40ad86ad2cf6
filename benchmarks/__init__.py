"""Measurements: each module prints a table, and JSON with --json. Run as `python -m benchmarks.NAME`."""
