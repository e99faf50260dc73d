"""`python -m papertape`: the command line without its installed name."""

from papertape.cli.main import run

if __name__ == "__main__":
    run()
