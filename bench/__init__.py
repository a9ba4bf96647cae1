"""What `make bench` prints: ours beside the same job done otherwise, measured in the same run.

    python -m bench [latency|memory|startup|filter|connects|all] [--quick]

Everything runs on loopback against the sandbox, so no network and no Twitch is in the figures. Absolute
values are this machine's; the ratios, printed first, are what may be compared. Not installed, and not
imported by anything.
"""
