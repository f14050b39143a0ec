"""The records that commands print with ``--format json``; the output schemas are generated from them."""
