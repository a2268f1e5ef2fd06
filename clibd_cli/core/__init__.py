"""The vocabulary of clibd: specimens, lineages, hits and calls. Standard library only."""
