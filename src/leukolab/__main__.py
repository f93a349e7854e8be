"""`python -m leukolab`: the same as the command `leukolab`."""

from leukolab.cli import main

if __name__ == "__main__":
    main()
