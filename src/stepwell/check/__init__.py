"""What is wrong with a definition: one module a rule."""
