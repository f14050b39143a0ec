"""Edits of definition files that keep comments, order and layout."""
