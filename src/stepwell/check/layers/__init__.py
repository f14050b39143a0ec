"""Rules that look at the definitions of one layer or view together."""
