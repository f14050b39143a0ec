"""Step types of the legacy workflow runner.

Stepwell finds the definitions in ``definitions/`` through the entry point and imports nothing else.
"""
