"""Rules that compare definitions with the Python sources."""
