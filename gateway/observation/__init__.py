"""What an operator sees of a running process: metrics, traces and the journal's context; never a word of a script."""
