"""The step types of the old workflow runner, as definitions with small implementations.

The definitions are in ``definitions/``; Stepwell finds them by the entry point and imports nothing for it.
"""
