"""The version of clibd, written into every store, index and result."""

__version__ = "0.1.0"
