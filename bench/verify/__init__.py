"""What the public verifier costs, and whether it ever claims a file that is not ours: `make bench-verify`."""
