"""The live registry: current Snapshot, registration, reload and file watching."""
