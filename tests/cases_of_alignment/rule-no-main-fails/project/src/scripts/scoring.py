def score() -> None:
    print("scored")
