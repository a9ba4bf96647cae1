"""TwitchIO's client doing the job. Its addresses are constants, which are set to the sandbox's."""

import twitchio
from twitchio import eventsub
from twitchio.eventsub import websockets
from twitchio.http import Route

from bench.orders import Orders, any_color, read_orders


class ColorClient(twitchio.Client):
    def __init__(self, orders: Orders) -> None:
        super().__init__(client_id=orders.client_id, client_secret=orders.client_secret)
        self._people = orders.people
        self._own = {person.id for person in orders.people}

    async def setup_hook(self) -> None:
        for person in self._people:
            await self.add_token(person.access_token, person.refresh_token)
            chat = eventsub.ChatMessageSubscription(broadcaster_user_id=person.id, user_id=person.id)
            await self.subscribe_websocket(chat, token_for=person.id)

    async def event_message(self, payload: twitchio.ChatMessage) -> None:
        if payload.chatter.id in self._own:
            await payload.chatter.update_chatter_color(any_color())


def main() -> None:
    orders = read_orders()
    Route.BASE = f"{orders.helix_url}/"
    Route.ID_BASE = orders.oauth_url.removesuffix("oauth2")
    websockets.WSS = orders.eventsub_url
    ColorClient(orders).run(with_adapter=False, load_tokens=False, save_tokens=False)


if __name__ == "__main__":
    main()
