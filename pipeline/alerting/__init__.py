"""Scores to events: what a frame shows above the threshold, where, for how long, and what is one thing."""
