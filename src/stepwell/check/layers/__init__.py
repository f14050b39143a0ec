"""Rules that compare the definitions of a layer or a view."""
