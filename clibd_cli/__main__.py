"""The program: `clibd`, and `python -m clibd_cli`."""

from clibd_cli.cli.ctrl_c import listen


def run() -> None:
    """The entry point; Ctrl-C is heard before anything else is loaded."""
    listen()
    from clibd_cli.cli.main import run as run_app

    run_app()


if __name__ == "__main__":
    run()
