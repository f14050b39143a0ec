import os


def main() -> None:
    print(os.environ["LABEL_FIELD"], os.environ.get("BATCH_SIZE", "5"))
