"""From layers to a Snapshot: list the files, apply the layers in order, keep the origin of every value."""
