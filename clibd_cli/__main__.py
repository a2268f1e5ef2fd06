"""`python -m clibd_cli` is `clibd`."""

from clibd_cli.cli.main import run

run()
