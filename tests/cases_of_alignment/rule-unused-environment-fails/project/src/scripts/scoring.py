import os


def main() -> None:
    print("scored")
