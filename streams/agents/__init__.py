"""Faust agents: decode, call the core, hand over to the checkpoint."""
