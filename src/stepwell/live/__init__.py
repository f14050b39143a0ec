"""The registry while it runs: the current Snapshot, registration, reload and watching."""
