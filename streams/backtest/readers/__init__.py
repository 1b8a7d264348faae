"""Readers: one file per format, from an opened file to rows."""
