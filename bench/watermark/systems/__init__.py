"""The systems under test: ours, and peers that run offline, which Assay itself never needs."""
