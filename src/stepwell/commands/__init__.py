"""One module per command: `configure(parser)` adds its arguments, `run(arguments) -> int` does it and returns the exit code."""
