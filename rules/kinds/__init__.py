"""One file per rule kind; `registry.py` is the visible list."""
