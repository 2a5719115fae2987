"""The command stream: one connection on which a program commands, asks and hears."""
