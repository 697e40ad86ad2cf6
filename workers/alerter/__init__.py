"""Alerters: scores to events, their clips, alerts and webhooks; what they know is kept in `events.sqlite`."""
