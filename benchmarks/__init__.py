"""Throughput measurements. They print ratios against a peer in the same run, since machines are shared and noisy."""
