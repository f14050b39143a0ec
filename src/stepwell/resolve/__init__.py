"""Resolves layers into a Snapshot and records the origin of every value."""
