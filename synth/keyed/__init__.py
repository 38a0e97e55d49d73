"""The keyed mark: a secret decides what the decoder listens for and which words every block of an episode carries.

Reading needs numpy and scipy only; writing needs an optimiser and lives in `synth.adapters.keyed`.
"""
