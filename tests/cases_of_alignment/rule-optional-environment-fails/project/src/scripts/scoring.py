import os


def main() -> None:
    print(os.environ["BATCH_SIZE"])
