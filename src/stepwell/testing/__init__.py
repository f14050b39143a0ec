"""A test for every step: what ``pytest --stepwell`` collects, and fixtures for a team's own tests.

pytest imports ``stepwell.testing.plugin`` in every run of everybody who installed Stepwell, so nothing
else is imported until it is asked for.
"""
