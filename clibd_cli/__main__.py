"""The program: `clibd`, and `python -m clibd_cli`."""

import sys

from clibd_cli.cli.ctrl_c import listen
from clibd_cli.core.garbage import collect_less


def run() -> None:
    """The entry point; Ctrl-C is heard before anything else is loaded."""
    listen()
    # The encoder's thread asks for the interpreter back after each of its many small steps. It need
    # not wait 5 milliseconds each time for the thread that names what is encoded (5 % in all).
    sys.setswitchinterval(0.0005)
    collect_less()
    from clibd_cli.cli.main import run as run_app

    run_app()


if __name__ == "__main__":
    run()
