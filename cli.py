"""The commands of `minimod`, straight from a checkout: python cli.py --help"""

from minimod.__main__ import main

if __name__ == "__main__":
    main()
