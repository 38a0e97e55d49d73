"""`make bench-load`: what one machine carries, with a real load tool, on both databases."""
