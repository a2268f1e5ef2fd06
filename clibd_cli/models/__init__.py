"""Model cards, checkpoints and encoders. This is the only room, with training, that knows torch."""
