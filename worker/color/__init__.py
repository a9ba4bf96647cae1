"""The color job: after each message of its user, another color."""
