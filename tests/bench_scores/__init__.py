"""Scores on two real logs: `make bench-scores DATA=DIR`."""
