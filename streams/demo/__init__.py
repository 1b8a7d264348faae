"""The demo: the whole data path on this machine, fed with a real log and with a simulated one."""
