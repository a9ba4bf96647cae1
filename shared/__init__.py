"""The few words that the supervisor and its workers both speak."""
