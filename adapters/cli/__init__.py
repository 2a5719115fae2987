"""The command line: one module for each command, and there alone all parts of the program meet."""
