"""The verbs on a cluster engine."""
