"""EventSub over WebSocket: frames, the conversation (pure), and the wire (a socket)."""
