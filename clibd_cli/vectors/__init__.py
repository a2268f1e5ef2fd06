"""Embedding stores and indexes over them. No torch."""
