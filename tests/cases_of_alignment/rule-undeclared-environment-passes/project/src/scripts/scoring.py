import os


def main() -> None:
    print(os.environ["LABEL_FIELD"])
