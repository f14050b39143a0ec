"""Rules that look at one pipeline."""
