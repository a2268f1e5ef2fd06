"""Simulated specimens for the demo and the tests: evolved barcodes and drawn photos."""
