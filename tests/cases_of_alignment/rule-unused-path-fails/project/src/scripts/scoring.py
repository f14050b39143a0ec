def main() -> None:
    print("scored")
