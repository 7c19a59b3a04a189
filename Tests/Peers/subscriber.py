#!/usr/bin/env python3
"""Subscribes over WebTransport, with aiomoqt, to what `moq-egress publish` makes of Fixtures/Media.

Prints one line `whole: …` once every track has delivered so many whole groups: objects numbered from 0
without a hole, the end of the stream seen, samples those of the file, decode times without a gap.
"""
import argparse
import asyncio
import logging
import pathlib
import sys

from aiomoqt.client import MOQTClient
from aiomoqt.types import FilterType, ObjectStatus
from aiomoqt.utils.logger import set_log_level

import fragments

MEDIA = pathlib.Path(__file__).resolve().parents[2] / "Fixtures" / "Media"


def samples(chunk):
    start, end = fragments.find(chunk, "mdat")
    return chunk[start:end]


class Track:
    def __init__(self, name):
        self.name, self.groups, self.ended = name, {}, set()
        file = fragments.Track(name, (MEDIA / f"{name}.mp4").read_bytes())
        self.known = {samples(chunk) for chunk in file.chunks}

    def take(self, message, size, received, group=None, *rest):
        if getattr(message, "status", None) not in (None, ObjectStatus.NORMAL):
            return
        own = getattr(message, "group_id", None)
        group = group if own is None else own
        self.groups.setdefault(group, {})[message.object_id] = bytes(message.payload)

    def end(self, group_id, subgroup_id, clean=None, reset_code=0):
        if clean:
            self.ended.add(group_id)

    def whole(self):
        """The groups that are there from their first object to their end."""
        return [
            group for group, objects in sorted(self.groups.items())
            if group in self.ended and sorted(objects) == list(range(len(objects)))
        ]

    def check(self):
        """What is wrong with the whole groups; counts their objects when nothing is."""
        steps, last, count = set(), None, 0
        for group in self.whole():
            for _, chunk in sorted(self.groups[group].items()):
                if samples(chunk) not in self.known:
                    sys.exit(f"{self.name}: group {group} has samples that are not the file's")
                moment = fragments.decode_time(chunk)
                if last is not None:
                    steps.add(moment - last)
                last, count = moment, count + 1
        if len(steps) != 1:
            sys.exit(f"{self.name}: decode times step by {sorted(steps)[:5]}")
        return count


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--draft", type=int, required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--groups", type=int, default=3)
    arguments = parser.parse_args()
    set_log_level(logging.WARNING)
    client = MOQTClient(
        "127.0.0.1", arguments.port, path="/", use_quic=False, verify_tls=False,
        supported_drafts=[arguments.draft], keep_alive_interval=5)
    tracks = [Track(name) for name in ("240p", "audio")]
    async with client.connect() as session:
        await session.client_session_init()
        if session.negotiated_draft != arguments.draft:
            sys.exit(f"draft {session.negotiated_draft} was agreed on")
        for track in tracks:
            accepted = await session.subscribe(
                arguments.namespace, track.name, filter_type=FilterType.NEXT_GROUP_START,
                on_object=track.take, wait_response=True)
            session.register_stream_end_handler(accepted.track_alias, track.end)
        while any(len(track.whole()) < arguments.groups for track in tracks):
            await asyncio.sleep(0.05)
    counts = " and ".join(f"{track.check()} objects of {track.name}" for track in tracks)
    print(f"whole: {counts}", flush=True)


asyncio.run(main())
