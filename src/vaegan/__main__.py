"""The `vaegan` command; everything is in cli/, imported late so that an interrupt while it loads is answered, too."""

import signal
import sys


def main() -> None:
    """Run the command line."""
    try:
        from vaegan.cli import run

        run()
    except KeyboardInterrupt:  # a run that can save itself has its own way to stop
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # who interrupts once more would see how the interpreter takes itself down
        print(
            "vaegan: interrupted; what was saved before is still there; run the same command again, or continue a run with: "
            "vaegan train --resume RUN",
            file=sys.stderr,
        )
        raise SystemExit(128 + signal.SIGINT) from None
    except SystemExit:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise


if __name__ == "__main__":
    main()
