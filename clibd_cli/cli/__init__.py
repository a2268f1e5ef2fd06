"""The shell: Typer and rich, one thin file a verb."""
