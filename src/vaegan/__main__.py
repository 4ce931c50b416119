"""The `vaegan` command; everything is in cli.py, imported late so that helper processes, which import this file, start at once."""


def main() -> None:
    """Run the command line."""
    from vaegan.cli import run

    run()


if __name__ == "__main__":
    main()
