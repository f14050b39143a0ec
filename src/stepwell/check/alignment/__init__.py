"""Rules that compare interfaces with scripts, other steps and builders."""
