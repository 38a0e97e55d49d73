"""`make bench-watermark`: our watermarks and their peers, under the same attacks, on the same sound, in one run."""
