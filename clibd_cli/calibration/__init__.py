"""How likely a name is right: learnt from references that are asked as if they were unknown."""
