"""What is written: reading YAML, TOML, Python and git into plain values with positions."""
