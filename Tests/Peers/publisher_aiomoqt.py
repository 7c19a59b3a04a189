#!/usr/bin/env python3
"""Publishes Fixtures/Media live and in a loop with aiomoqt: as an origin that subscribers dial, or with
--relay as a client of a relay.

Prints one line `ready` on standard output once it can be subscribed to; ends on SIGTERM. --log FILE
gets a line of JSON for every media object: track, group, object, decode time, SHA-256 of what a bridge
should serve of it: the CMAF chunk, or for LOC the bare frame.
"""
import argparse
import asyncio
import base64
import functools
import json
import logging
import signal
import time

from aiomoqt.client import MOQTClient
from aiomoqt.delivery import FanoutDelivery, ObjectHistory, StreamMapping
from aiomoqt.media import LocmafTrackPublisher, LocTrackPublisher
from aiomoqt.media.loc import LOC_PROP_TIMESCALE, LocFrame
from aiomoqt.media.locmaf import LOCMAF_VERSION
from aiomoqt.server import MOQTServer
from aiomoqt.track import PublishedTrack
from aiomoqt.utils.logger import set_log_level

import media


class Lossy(FanoutDelivery):
    """Keeps about one object in so many from all subscribers; unless it is gone, FETCH still finds it.

    Never the last of a group: aiomoqt would end the group before it.
    """

    def __init__(self, every, is_gone):
        super().__init__()
        self.every, self.is_gone, self.count = every, is_gone, 0

    async def write(self, group_id, object_id, payload, *, extensions=None, group_start=False):
        self.count += 1
        if self.count < self.every or object_id > 40:
            await super().write(
                group_id, object_id, payload, extensions=extensions, group_start=group_start)
            return
        self.count = 0
        if not self.is_gone:
            self.on_write(group_id, object_id, payload, extensions)


class Always:
    """Produces whether anyone listens or not, once for all sessions."""

    lost_every = gone_every = 0

    def go_live(self):
        every = self.lost_every or self.gone_every
        self._out = Lossy(every, self.gone_every > 0) if every else FanoutDelivery()
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


class Media(Always):
    """What all packagings share: an object for each frame, a group for each two seconds."""

    live = None
    has_short_groups = False

    async def produce(self, out):
        count = 0
        async for unit in self.live.units():
            group, number, opens = unit.group, unit.object, unit.opens
            if self.has_short_groups:
                group, number, opens = count, 0, True
            if opens and group:
                out.end_group()
            await out.write(
                group, number, self.body(unit), extensions=self.properties(unit),
                group_start=opens)
            count += 1

    def properties(self, unit):
        return None


class Cmaf(Media, PublishedTrack):
    mapping = StreamMapping.PER_GROUP

    def __init__(self, namespace, live):
        super().__init__(None, namespace, live.track.name)
        self.live = live

    def body(self, unit):
        self.live.note(unit, unit.chunk)
        return unit.chunk


class Loc(Media, LocTrackPublisher):
    def __init__(self, namespace, live):
        super().__init__(
            None, namespace, live.track.name, config=live.track.configuration,
            media_kind="video" if live.track.is_video else "audio")
        self.live = live

    def body(self, unit):
        self.live.note(unit, unit.frame)
        return self._package(unit.frame, unit.group, unit.object)

    def time(self, unit):
        return self.live.epoch + self.live.microseconds(unit)

    def properties(self, unit):
        frame = LocFrame(unit.frame, unit.opens, self.time(unit))
        return functools.partial(self._object_extensions, frame, unit.opens)


class TimedLoc(Loc):
    """LOC in media time: the track says its timescale, with a property that relays understand."""

    def __init__(self, namespace, live):
        super().__init__(namespace, live)
        self.timescale = live.track.timescale
        self.track_properties = {LOC_PROP_TIMESCALE: self.timescale}

    def time(self, unit):
        return unit.moment


class Locmaf(Media, LocmafTrackPublisher):
    def __init__(self, namespace, live):
        super().__init__(None, namespace, live.track.name, init=live.track.header)
        self.live = live

    def body(self, unit):
        self.live.note(unit, unit.frame)
        return self._package(unit.chunk, unit.group, unit.object)


PACKAGINGS = {"cmaf": Cmaf, "loc": Loc, "timed-loc": TimedLoc, "locmaf": Locmaf}


class CatalogTrack(Always, PublishedTrack):
    mapping = StreamMapping.PER_GROUP

    def __init__(self, namespace, tracks, packaging):
        super().__init__(None, namespace, "catalog", priority=64)
        self.text = json.dumps(catalog(tracks, packaging)).encode()

    async def produce(self, out):
        for group in range(1 << 30):
            await out.write(group, 0, self.text, extensions=None, group_start=True)
            out.end_group()
            await asyncio.sleep(1)


def catalog(tracks, packaging):
    packaging = packaging.removeprefix("timed-")
    entries, headers = [], []
    for index, track in enumerate(tracks):
        entry = {
            "name": track.name, "packaging": packaging, "isLive": True, "renderGroup": 1,
            "role": "video" if track.is_video else "audio", "codec": track.codec,
            "bitrate": track.bitrate, "initRef": f"header{index}",
        }
        if packaging == "locmaf":
            entry["locmafVersion"] = LOCMAF_VERSION
        if track.is_video:
            entry |= {"width": track.width, "height": track.height, "framerate": 25, "altGroup": 1}
        else:
            entry |= {"samplerate": track.timescale, "channelConfig": str(track.channels)}
        entries.append(entry)
        header = track.configuration if packaging == "loc" else track.header
        headers.append(
            {"id": f"header{index}", "type": "inline", "data": base64.b64encode(header).decode()})
    return {"version": "draft-01", "tracks": entries, "initDataList": headers}


class Origin(MOQTServer):
    tracks = []
    pushes = False

    def _adopt(self, session):
        super()._adopt(session)
        for track in self.tracks:
            track.add_session(session)
            track.attach(session)
        asyncio.ensure_future(self._forget(session))
        if self.pushes:
            asyncio.ensure_future(self._push(session))
        return session

    async def _push(self, session):
        """Opens the subscriptions itself, as soon as the session is set up."""
        if await session._moqt_session_setup:
            for track in self.tracks:
                await track.publish(session=session)

    async def _forget(self, session):
        await session.async_closed()
        for track in self.tracks:
            track.drop_session(session)


async def push(arguments, drafts, tracks, ready):
    """Publishes into a relay until the connection ends."""
    host, port = arguments.relay.rsplit(":", 1)
    client = MOQTClient(
        host, int(port), path="/", use_quic=arguments.transport == "quic", verify_tls=False,
        supported_drafts=drafts, keep_alive_interval=5)
    async with client.connect() as session:
        await session.client_session_init()
        for track in tracks:
            track.add_session(session)
            track.attach(session)
        await session.publish_namespace(namespace=arguments.namespace, wait_response=True)
        ready()
        await session.async_closed()


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, help="serve as an origin on this UDP port")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--relay", metavar="HOST:PORT", help="publish into a relay instead")
    parser.add_argument(
        "--transport", choices=("quic", "webtransport", "both"), default="quic",
        help="both is for an origin, on one port")
    parser.add_argument("--drafts", required=True, help="comma-separated")
    parser.add_argument("--namespace", default="live/peer")
    parser.add_argument("--packaging", choices=PACKAGINGS, default="cmaf")
    parser.add_argument("--tracks", default=",".join(media.LADDER))
    parser.add_argument("--base", type=int, default=0, help="decode time of the start, in seconds")
    parser.add_argument(
        "--lost", type=int, default=0, metavar="N",
        help="keep each Nth object of the media from subscribers; FETCH brings it")
    parser.add_argument(
        "--gone", type=int, default=0, metavar="N", help="don't publish each Nth object at all")
    parser.add_argument(
        "--push", type=int, default=0, metavar="1", help="push all tracks to whoever connects")
    parser.add_argument(
        "--short", type=int, default=0, metavar="1", help="give each frame of sound a group of its own")
    parser.add_argument("--log", metavar="FILE")
    return parser.parse_args()


async def main():
    arguments = parse()
    set_log_level(logging.WARNING)
    drafts = [int(draft) for draft in arguments.drafts.split(",")]
    log = open(arguments.log, "a") if arguments.log else None
    start = time.monotonic() + 0.2
    files = media.tracks(arguments.tracks.split(","))
    tracks = [CatalogTrack(arguments.namespace, files, arguments.packaging)]
    for file in files:
        track = PACKAGINGS[arguments.packaging](
            arguments.namespace, media.Live(file, start, arguments.base, log))
        track.lost_every = arguments.lost
        track.gone_every = arguments.gone
        track.has_short_groups = arguments.short > 0 and not file.is_video
        tracks.append(track)
    productions = [track.go_live() for track in tracks]
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    waits = [asyncio.ensure_future(stopped.wait()), *productions]
    server = handle = None
    if arguments.relay:
        waits.append(
            asyncio.ensure_future(
                push(arguments, drafts, tracks, lambda: print("ready", flush=True))))
    else:
        Origin.tracks = tracks
        Origin.pushes = arguments.push > 0
        server = Origin(
            host="127.0.0.1", port=arguments.port, certificate=arguments.certificate,
            private_key=arguments.key, path="/", use_quic=arguments.transport == "quic",
            supported_drafts=drafts, keep_alive_interval=5)
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
