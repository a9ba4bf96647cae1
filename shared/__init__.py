"""The few words that the supervisor and its workers both speak."""

__version__ = "0.1.0"
