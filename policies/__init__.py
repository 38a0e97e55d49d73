"""May this script be spoken, and if not, why not.

Input is a `Manuscript` (the author's text with its speaker turns), output is a frozen `Decision`. This package knows
nothing of audio, databases or HTTP.
"""
