import os


def main() -> None:
    print(os.environ["LABEL"], os.environ.get("BATCH"))
