"""An answer of Twitch that is not the one hoped for."""

from http import HTTPStatus


class Refusal(Exception):
    """Raised by the rules; each host gives it its own body (see ``helix_body`` and ``oauth_body``)."""

    def __init__(self, status: int, message: str, **more: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.more = more

    def helix_body(self) -> dict[str, object]:
        error = HTTPStatus(self.status).phrase
        return {"error": error, "status": self.status, "message": self.message, **self.more}

    def oauth_body(self) -> dict[str, object]:
        """The OAuth host often leaves ``error`` out and puts the code word into ``message``."""
        return {"status": self.status, "message": self.message}
