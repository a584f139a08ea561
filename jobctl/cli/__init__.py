"""The command line: parse, one ops call, emit."""
