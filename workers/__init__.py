"""Thin processes over Redis: they read, call `pipeline`, write, acknowledge."""
