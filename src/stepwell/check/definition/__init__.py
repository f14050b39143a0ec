"""Rules for one definition file."""
