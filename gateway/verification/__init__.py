"""The parts of verification: what is heard, what the log proves, and the report that `gateway.verify` makes of it."""
