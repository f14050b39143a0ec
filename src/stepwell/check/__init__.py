"""Rules for definitions, one module per rule."""
