"""Prints so many messages of the ticker feed: `watch_tickers.py HOST:PORT MARKET COUNT`."""

import json
import sys

import trio
import trio_websocket


async def main(address: str, market_id: str, count: int) -> None:
    host, port = address.split(":")
    path = f"/ws/v1/ticker?markets={market_id}"
    async with trio_websocket.open_websocket(host, int(port), path, use_ssl=False) as feed:
        for _ in range(count):
            message = json.loads(await feed.get_message())
            for ticker in message.get("tickers", [message]):
                told = ("best_bid_cents", "best_ask_cents", "last_trade_price_cents", "volume_24h")
                values = " ".join(f"{name}={ticker[name]}" for name in told)
                sys.stdout.write(f"{message['type']} {message['sequence_id']} {values}\n")
                sys.stdout.flush()


trio.run(main, sys.argv[1], sys.argv[2], int(sys.argv[3]))
