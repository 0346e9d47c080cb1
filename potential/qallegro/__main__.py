"""`python -m qallegro`: the program, where its script is not on the path."""

from qallegro.cli.main import main

if __name__ == "__main__":
    main()
