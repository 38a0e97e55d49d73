"""Third-party models, one per file; imported lazily and only by the composition root."""
