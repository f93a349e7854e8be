"""The command line: a table of commands, one file each, loaded only when called."""

from leukolab.cli.table import main, program

__all__ = ["main", "program"]
