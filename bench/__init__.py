"""Benchmarks: each prints its conditions and its numbers, and asserts nothing."""
