"""pyTwitchAPI's EventSub client doing the job: a client, and with it a thread, for each user."""

import asyncio

from twitchAPI.eventsub.websocket import EventSubWebsocket
from twitchAPI.object.eventsub import ChannelChatMessageEvent
from twitchAPI.twitch import Twitch
from twitchAPI.type import AuthScope

from bench.orders import Orders, any_color, read_orders
from bench.twitch import Person

SCOPES = [AuthScope.USER_READ_CHAT, AuthScope.USER_MANAGE_CHAT_COLOR]


async def attend(orders: Orders, person: Person) -> EventSubWebsocket:
    twitch = await Twitch(
        orders.client_id,
        orders.client_secret,
        authenticate_app=False,
        base_url=f"{orders.helix_url}/",
        auth_base_url=f"{orders.oauth_url}/",
    )
    await twitch.set_user_authentication(person.access_token, SCOPES, person.refresh_token)

    async def on_message(message: ChannelChatMessageEvent) -> None:
        if message.event.chatter_user_id == person.id:
            await twitch.update_user_chat_color(person.id, any_color())

    eventsub = EventSubWebsocket(twitch, connection_url=orders.eventsub_url)
    eventsub.start()  # type: ignore[no-untyped-call]
    await eventsub.listen_channel_chat_message(person.id, person.id, on_message)
    return eventsub


async def main() -> None:
    orders = read_orders()
    attending = [await attend(orders, person) for person in orders.people]
    await asyncio.Event().wait()  # until we are ended; the clients' threads go on
    assert attending  # they would be collected without a reference


if __name__ == "__main__":
    asyncio.run(main())
