"""Pairs, losses and the trainer."""
