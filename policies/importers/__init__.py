"""Fact-checks from files: ClaimReview JSON-LD, HTML pages, Google's search response, NDJSON and CSV.

In order: `files` finds the format and reads a file piece by piece; `jsonld`, `pages` and `tables` find the reviews in
it; `records` cleans each one and makes a `ClaimRecord`, or says why not. Nothing is fetched; nothing is written.
"""
