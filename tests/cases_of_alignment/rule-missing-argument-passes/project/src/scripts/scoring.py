import argparse


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--job_type")
