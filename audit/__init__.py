"""What happened, provably.

An append-only Merkle log (RFC 6962) of canonical JSON events with signed checkpoints. It does not know what a decision
or a clip is: callers write facts.
"""
