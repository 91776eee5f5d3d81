"""`python -m gateway` is `fixgw`."""

import atexit
import gc


def main() -> None:
    """Run the command that the arguments name."""
    # All that is imported stays: looking for garbage in it, meanwhile and once more at the end, takes a quarter of the
    # CPU time of a start. cli/main.py has the collector work once the command is loaded.
    gc.disable()
    atexit.register(gc.freeze)
    from gateway.cli.main import app  # noqa: PLC0415 - after the collector was stopped

    app()


if __name__ == "__main__":
    main()
