"""One rule per file, named for what it forbids or requires."""
