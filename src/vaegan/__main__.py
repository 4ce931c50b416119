"""The `vaegan` command; everything is in cli.py, imported late so that an interrupt while it loads is answered, too."""

import os
import sys


def main() -> None:
    """Run the command line."""
    try:
        from vaegan.cli import run

        run()
    except KeyboardInterrupt:  # a run that can save itself has its own way to stop
        print("vaegan: interrupted; what was saved before is kept", file=sys.stderr, flush=True)
        os._exit(130)  # at once: an ordinary exit would wait for workers, and who asks twice does not want to wait


if __name__ == "__main__":
    main()
