#!/usr/bin/env python3
"""Subscribes to one track with aiomoqt over raw QUIC, drops its objects, and prints what that cost."""
import argparse
import asyncio
import json
import logging
import time

from aiomoqt.client import MOQTClient
from aiomoqt.types import FilterType
from aiomoqt.utils.logger import set_log_level


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--track", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    arguments = parser.parse_args()
    set_log_level(logging.WARNING)
    host, port = arguments.address.split(":")
    client = MOQTClient(
        host, int(port), path="/", use_quic=True, verify_tls=False, supported_drafts=[18],
        keep_alive_interval=5)
    received = 0

    def take(message, size, *rest):
        nonlocal received
        received += len(message.payload or b"")

    async with client.connect() as session:
        await session.client_session_init()
        await session.subscribe(
            "bench", arguments.track, filter_type=FilterType.NEXT_GROUP_START, on_object=take,
            wait_response=True)
        while not received:
            await asyncio.sleep(0.01)
        start, cost, size = time.monotonic(), time.process_time(), received
        await asyncio.sleep(arguments.seconds)
        print(json.dumps({
            "bytes": received - size, "seconds": time.monotonic() - start,
            "cpu": time.process_time() - cost}), flush=True)


asyncio.run(main())
