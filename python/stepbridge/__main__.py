"""Runs the command line as `python -m stepbridge`."""

from stepbridge.cli import main

if __name__ == "__main__":
    main()
