"""The public pages: verification results as HTML, rendered from values; no script is needed to read them."""
