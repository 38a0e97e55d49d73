"""Training recipe of our own AudioSeal weights: data, teacher, detector, generator, export.

Nothing here is imported by the gateway.  Run `python -m synth.training.train --help`.
"""
