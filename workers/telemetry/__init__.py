"""What a worker tells of itself: metrics, the page they are read from, structured logs."""
