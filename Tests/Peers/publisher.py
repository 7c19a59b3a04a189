#!/usr/bin/env python3
"""Publishes Fixtures/Media live and in a loop as a CMSF broadcast, with aiomoqt: as an origin that
subscribers dial, or with --relay as a client of a relay.

Prints one line `ready` on standard output once it can be subscribed to; ends on SIGTERM. --log FILE
gets a line of JSON for every media object: track, group, object, decode time, SHA-256.
"""
import argparse
import asyncio
import base64
import hashlib
import json
import logging
import pathlib
import signal
import time

from aiomoqt.client import MOQTClient
from aiomoqt.delivery import FanoutDelivery, ObjectHistory, StreamMapping
from aiomoqt.server import MOQTServer
from aiomoqt.track import PublishedTrack
from aiomoqt.utils.logger import set_log_level

import fragments

GROUP_SECONDS = 2
MEDIA = pathlib.Path(__file__).resolve().parents[2] / "Fixtures" / "Media"


class LiveTrack(PublishedTrack):
    """Produces whether anyone listens or not, once for all sessions."""

    mapping = StreamMapping.PER_GROUP

    def go_live(self):
        self._out = FanoutDelivery()
        self._out.name = self.fqtn
        self._out.on_write = self._on_produced
        self._out.on_sent = self._on_sent
        self._history = ObjectHistory(8 << 20)
        return self._ensure_production()

    def _add_delivery(self, subscription):
        # Whoever joins inside a group gets the rest of it, as the drafts say.
        super()._add_delivery(subscription)
        for lane in self._out.lanes:
            if lane.delivery is subscription.delivery:
                lane.need_group = False


class MediaTrack(LiveTrack):
    def __init__(self, namespace, track, start, base, log):
        super().__init__(None, namespace, track.name)
        self.track, self.start, self.base, self.log = track, start, base, log

    async def produce(self, out):
        track = self.track
        group, object_id, sequence = -1, 0, 0
        for loop in range(1 << 30):
            for chunk in track.chunks:
                # From here on the broadcast's clock starts at 0.
                offset = fragments.decode_time(chunk) - track.first_time + loop * track.duration
                wanted = offset // (GROUP_SECONDS * track.timescale)
                opens = fragments.is_sync(chunk) if track.is_video else wanted != group
                length = track.duration // len(track.chunks)
                due = self.start + (offset + length) / track.timescale
                await asyncio.sleep(max(0, due - time.monotonic()))
                if opens:
                    if group >= 0:
                        out.end_group()
                    group, object_id = group + 1, 0
                sequence += 1
                moment = offset + self.base * track.timescale
                payload = fragments.restamped(chunk, moment, sequence)
                if self.log:
                    digest = hashlib.sha256(payload).hexdigest()
                    self.log.write(json.dumps([track.name, group, object_id, moment, digest]) + "\n")
                    self.log.flush()
                await out.write(group, object_id, payload, extensions=None, group_start=opens)
                object_id += 1


class CatalogTrack(LiveTrack):
    def __init__(self, namespace, tracks):
        super().__init__(None, namespace, "catalog", priority=64)
        self.text = json.dumps(catalog(tracks)).encode()

    async def produce(self, out):
        for group in range(1 << 30):
            await out.write(group, 0, self.text, extensions=None, group_start=True)
            out.end_group()
            await asyncio.sleep(1)


def catalog(tracks):
    entries, headers = [], []
    for index, track in enumerate(tracks):
        entry = {
            "name": track.name, "packaging": "cmaf", "isLive": True, "renderGroup": 1,
            "role": "video" if track.is_video else "audio", "codec": track.codec,
            "bitrate": track.bitrate, "initRef": f"header{index}",
        }
        if track.is_video:
            entry |= {"width": track.width, "height": track.height, "framerate": 25, "altGroup": 1}
        else:
            entry |= {"samplerate": track.timescale, "channelConfig": str(track.channels)}
        entries.append(entry)
        headers.append(
            {"id": f"header{index}", "type": "inline",
             "data": base64.b64encode(track.header).decode()}
        )
    return {"version": "draft-01", "tracks": entries, "initDataList": headers}


class Origin(MOQTServer):
    tracks = []

    def _adopt(self, session):
        super()._adopt(session)
        for track in self.tracks:
            track.add_session(session)
            track.attach(session)
        asyncio.ensure_future(self._forget(session))
        return session

    async def _forget(self, session):
        await session.async_closed()
        for track in self.tracks:
            track.drop_session(session)


async def push(arguments, drafts, tracks, ready):
    """Publishes into a relay until the connection ends."""
    host, port = arguments.relay.rsplit(":", 1)
    client = MOQTClient(
        host, int(port), path="/", use_quic=True, verify_tls=False, supported_drafts=drafts,
        keep_alive_interval=5)
    async with client.connect() as session:
        await session.client_session_init()
        for track in tracks:
            track.add_session(session)
            track.attach(session)
        await session.publish_namespace(namespace=arguments.namespace, wait_response=True)
        ready()
        await session.async_closed()


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, help="serve as an origin on this UDP port")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--relay", metavar="HOST:PORT", help="publish into a relay instead")
    parser.add_argument(
        "--transport", choices=("quic", "webtransport", "both"), default="quic",
        help="what an origin serves; both share the port")
    parser.add_argument("--draft", type=int, required=True)
    parser.add_argument("--namespace", default="live/peer")
    parser.add_argument("--base", type=int, default=0, help="decode time of the start, in seconds")
    parser.add_argument("--log", metavar="FILE")
    arguments = parser.parse_args()
    set_log_level(logging.WARNING)
    log = open(arguments.log, "a") if arguments.log else None
    media = [
        fragments.Track(name, (MEDIA / f"{name}.mp4").read_bytes())
        for name in ("720p", "480p", "240p", "audio")
    ]
    start = time.monotonic() + 0.2
    tracks = [CatalogTrack(arguments.namespace, media)]
    tracks += [MediaTrack(arguments.namespace, t, start, arguments.base, log) for t in media]
    productions = [track.go_live() for track in tracks]
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    waits = [asyncio.ensure_future(stopped.wait()), *productions]
    server = handle = None
    if arguments.relay:
        waits.append(
            asyncio.ensure_future(
                push(arguments, [arguments.draft], tracks, lambda: print("ready", flush=True))))
    else:
        Origin.tracks = tracks
        server = Origin(
            host="127.0.0.1", port=arguments.port, certificate=arguments.certificate,
            private_key=arguments.key, path="/", use_quic=arguments.transport == "quic",
            supported_drafts=[arguments.draft], keep_alive_interval=5)
        both = arguments.transport == "both"
        handle = await (server.serve_dual() if both else server.serve())
        print("ready", flush=True)
    done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    if handle:
        await server.close_sessions()
        handle.close()
    for task in done:
        task.result()


asyncio.run(main())
