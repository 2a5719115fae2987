"""`verdict config`: the settings, as they are and where they come from."""

import os

import click

from adapters.runtime.settings import show_settings


@click.command()
def config() -> None:
    """Show every setting, its value and where that came from."""
    lines = list(show_settings(os.environ))
    name_width = max(len(line.name) for line in lines)
    value_width = max(len(line.value) for line in lines)
    for line in lines:
        name, value = line.name.ljust(name_width), line.value.ljust(value_width)
        click.echo(f"{name}  {value}  {line.source:<11}  {line.meaning}")
