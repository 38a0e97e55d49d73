"""Cleared text in, marked and signed clip out.

`Speech → MarkedSpeech → SignedClip`: each stage takes the type that the stage before returns, so that leaving one out
is a type error. This package knows nothing of policies, databases or HTTP.
"""
