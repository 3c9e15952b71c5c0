"""`python -m pricecast`: the command line, for an interpreter whose scripts are not on the PATH."""

from flow_steps.main import main

if __name__ == "__main__":
    main(prog_name="pricecast")
