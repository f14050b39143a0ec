"""Everything that puts files on disk: frozen modules, migrations, scaffolds and exports."""
