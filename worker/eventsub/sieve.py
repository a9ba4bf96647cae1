"""Telling other people's chat messages from what needs a look, without decoding either."""

CHATTER = b'"chatter_user_id"'
FILLING = b": \t\r\n"
LOOK_AHEAD = 64  # the key, a colon, any white space a sender may add, and the id


def is_foreign(frame: bytes, own_id: bytes) -> bool:
    """Whether ``frame`` is surely a chat message by somebody other than ``own_id`` (quoted, as JSON has it).

    The quoted key cannot occur inside a JSON string, where its quotes would be escaped. Whatever
    has no such key, or any doubt about it, is not foreign: it gets decoded.
    """
    at = frame.find(CHATTER)
    if at < 0:
        return False
    at += len(CHATTER)
    value = frame[at : at + LOOK_AHEAD].lstrip(FILLING)
    return value.startswith(b'"') and b'"' in value[1:] and not value.startswith(own_id)
