"""A stand-in for Twitch on loopback: OAuth, Helix and the EventSub WebSocket, with a control API beside them.

The rules live in classes that are told the time and touch no socket (users, tokens, devices, subscriptions,
session, bucket, faults); ``World`` holds them together; the other files carry them over HTTP and WebSocket.
What Twitch does and does not promise, with sources, is the ground for each rule; where Twitch is silent,
a setting says what the stand-in does.
"""
