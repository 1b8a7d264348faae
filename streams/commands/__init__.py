"""The commands of `pathline`, one file a group; `streams/cli.py` lists them."""
