"""Speech on request: a text is screened whole, spoken at once, marked, logged, and handed to its caller alone."""
