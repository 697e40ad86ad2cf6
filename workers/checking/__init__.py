"""Looks at everything a site needs before it runs: sources, models, masks, disk, broker, port."""
