"""dnsfilter: network-level enforcement of an app ban."""

__version__ = "0.1.0"
