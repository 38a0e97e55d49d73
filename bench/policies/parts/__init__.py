"""One module for each thing that is measured: judge texts, keep headline numbers and missed ids, return tables."""
