"""The same mathematics as in network.py, but faster: devices, threads, blocks, reused memory. Tests compare the two."""
