"""Rules for one pipeline."""
