"""Outside formats turned into CloudEvents: one file per format, ahead of the raw topic."""
