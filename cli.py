"""The commands of `minimod`, straight from a checkout: python cli.py --help"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  whoever has an older one reads why it does not start
    sys.exit("minimod: this is Python {}.{}; it needs 3.11 or newer".format(*sys.version_info))

from minimod.__main__ import main

if __name__ == "__main__":
    main()
