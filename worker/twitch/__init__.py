"""Twitch over HTTP: OAuth, Helix, and one user's access to them."""
