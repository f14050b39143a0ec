"""Reads YAML, TOML, Python and git into plain values with positions."""
