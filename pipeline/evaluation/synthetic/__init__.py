"""Artificial anomalies in normal footage, for whoever has no labels."""
