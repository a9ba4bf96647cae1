"""One user's work, from sign-in to goodbye."""
