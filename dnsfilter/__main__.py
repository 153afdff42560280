"""`python -m dnsfilter` is the command `dnsfilter`."""

from dnsfilter.cli import main

if __name__ == "__main__":
    main()
