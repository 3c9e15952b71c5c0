"""The command line of a checkout: `python main.py` is what an installation calls `pricecast`."""

from flow_steps.main import main

if __name__ == "__main__":
    main()
