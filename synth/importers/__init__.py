"""Readers of other formats; each turns the body behind a head into the same spoken plan."""
