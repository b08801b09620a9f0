"""What makes it fast: devices, threads, blocks and kept memory. Tests hold all of it to network.py."""
