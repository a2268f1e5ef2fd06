"""The verbs: the only room that knows models, vectors and io together."""
