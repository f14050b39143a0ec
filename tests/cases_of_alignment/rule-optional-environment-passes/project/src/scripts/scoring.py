import os


def main() -> None:
    print(os.environ.get("BATCH_SIZE", "5"))
