#!/usr/bin/env python3
"""Looks with aiomoqt at the LOC timestamps that a relay delivers, without moq-egress.

Prints one line: `kept` when the frames of a track are as far apart as they were published,
`rewritten` when they are not, `none` when they have no time.
"""
import argparse
import asyncio
import logging

from aiomoqt.client import MOQTClient
from aiomoqt.media.loc import LOC_PROP_TIMESTAMP
from aiomoqt.types import FilterType, ObjectStatus
from aiomoqt.utils.logger import set_log_level

FRAMES = 60


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--draft", type=int, required=True)
    parser.add_argument("--transport", choices=("quic", "webtransport"), required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--track", required=True)
    arguments = parser.parse_args()
    set_log_level(logging.WARNING)
    times = []

    def take(message, *rest):
        if getattr(message, "status", None) in (None, ObjectStatus.NORMAL):
            times.append((message.extensions or {}).get(LOC_PROP_TIMESTAMP))

    client = MOQTClient(
        "127.0.0.1", arguments.port, path="/", use_quic=arguments.transport == "quic",
        verify_tls=False, supported_drafts=[arguments.draft], keep_alive_interval=5)
    async with client.connect() as session:
        await session.client_session_init()
        await session.subscribe(
            arguments.namespace, arguments.track, filter_type=FilterType.NEXT_GROUP_START,
            on_object=take, wait_response=True)
        while len(times) < FRAMES:
            await asyncio.sleep(0.05)
    if None in times:
        print("none", flush=True)
        return
    # A timescale makes every step the same; microseconds round some to one less.
    steps = [right - left for left, right in zip(times, times[1:])]
    print("kept" if max(steps) - min(steps) <= 1 else "rewritten", flush=True)


asyncio.run(main())
