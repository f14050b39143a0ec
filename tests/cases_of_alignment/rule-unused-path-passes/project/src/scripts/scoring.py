def main() -> None:
    print(open("/opt/ml/processing/input/data/rows.csv").read())
