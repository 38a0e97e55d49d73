"""Personal data in a text that will be spoken: recognisers by format, check digits and context (pure)."""
