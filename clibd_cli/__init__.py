"""clibd names specimens from photos and COI barcodes."""

from clibd_cli.core.version import __version__

__all__ = ["__version__"]
