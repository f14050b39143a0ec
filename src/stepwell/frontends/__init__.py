"""What people and programs meet: the command line, renderers, the legacy modules and the pytest plugin."""
