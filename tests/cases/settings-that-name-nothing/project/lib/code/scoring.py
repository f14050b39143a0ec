def main() -> None:
    """Score a batch."""
