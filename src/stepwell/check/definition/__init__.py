"""Rules that look at one definition file."""
