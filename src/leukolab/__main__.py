"""`python -m leukolab`: the same as the command `leukolab`."""

from leukolab.cli import program

if __name__ == "__main__":
    program()
