"""Learners of scores, and what they learn from: features, encodings, matured examples."""
