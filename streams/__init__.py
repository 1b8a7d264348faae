"""Moves the bytes: topics, transport, checkpoints, agents. `app.py` is the map."""
