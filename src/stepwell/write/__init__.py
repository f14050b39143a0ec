"""Writes files: frozen modules, migrations, scaffolds and exports."""
