#!/usr/bin/env python3
"""Publishes Fixtures/Media live and in a loop with moq-rs: as an origin that subscribers dial, or with
--relay as a client of a relay. An origin without tracks (--tracks '') is a relay.

An origin serves raw QUIC and WebTransport on one port, and every draft: the binding can't pin any. Both
a hang and an MSF catalog are made by moq-rs itself. `hang` is its own container: a frame for each object,
after its time. Output, end and --log are as publisher_aiomoqt.py's.
"""
import argparse
import asyncio
import signal
import time

import moq

import media


class Cmaf:
    def __init__(self, broadcast, live):
        self.live = live
        self.producer = broadcast.publish_container(moq.ContainerFormat.FMP4, live.track.header)

    def write(self, unit):
        self.live.note(unit, unit.chunk)
        self.producer.write(unit.chunk)


class Hang:
    def __init__(self, broadcast, live):
        track = self.track = live.track
        self.live = live
        if track.is_video:
            hint = moq.VideoHint(
                coded=moq.Dimensions(width=track.width, height=track.height), framerate=25,
                bitrate=track.bitrate)
            self.producer = broadcast.publish_video(
                moq.VideoFormat.AVC1, track.configuration, hint=hint, label=track.name)
        else:
            self.producer = broadcast.publish_audio(
                moq.AudioFormat.AAC, track.configuration, label=track.name)

    def write(self, unit):
        frame = unit.frame
        self.live.note(unit, frame)
        self.producer.write_frame(frame, self.live.microseconds(unit))


PACKAGINGS = {"cmaf": Cmaf, "hang": Hang}


async def feed(publisher):
    async for unit in publisher.live.units():
        # A key frame opens a group by itself.
        if unit.opens and unit.group and not publisher.live.track.is_video:
            publisher.producer.cut()
        publisher.write(unit)


def publish(target, arguments):
    """Announces the broadcast and starts feeding it. It ends when its handle is let go."""
    log = open(arguments.log, "a") if arguments.log else None
    broadcast = target.create_broadcast(arguments.namespace)
    start = time.monotonic() + 0.2
    publishers = [
        PACKAGINGS[arguments.packaging](broadcast, media.Live(track, start, arguments.base, log))
        for track in media.tracks(arguments.tracks.split(","))
    ]
    broadcast.announce()
    return broadcast, [asyncio.ensure_future(feed(publisher)) for publisher in publishers]


async def accept(server):
    """Keeps every session; one that fails ends alone."""
    async def keep(request):
        try:
            session = await request.accept()
            await session.closed()
        except moq.Error as error:
            print(f"session ended: {error!r}", flush=True)

    tasks = set()
    async for request in server:
        task = asyncio.ensure_future(keep(request))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, help="serve as an origin on this UDP port")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--relay", metavar="HOST:PORT", help="publish into a relay instead")
    parser.add_argument("--transport", choices=("quic", "webtransport"), default="quic")
    parser.add_argument("--namespace", default="live/peer")
    parser.add_argument("--packaging", choices=PACKAGINGS, default="cmaf")
    parser.add_argument("--tracks", default=",".join(media.LADDER))
    parser.add_argument("--base", type=int, default=0, help="decode time of the start, in seconds")
    parser.add_argument("--log", metavar="FILE")
    return parser.parse_args()


async def main():
    arguments = parse()
    moq.log_level("warn")
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    waits = [asyncio.ensure_future(stopped.wait())]
    if arguments.relay:
        scheme = "moqt" if arguments.transport == "quic" else "https"
        peer = moq.Client(
            f"{scheme}://{arguments.relay}/", tls_verify=False, websocket_enabled=False)
    else:
        origin = moq.OriginProducer()
        peer = moq.Server(
            f"127.0.0.1:{arguments.port}", publish=origin, subscribe=origin,
            tls_cert=[arguments.certificate], tls_key=[arguments.key])
    async with peer as running:
        if arguments.tracks:
            broadcast, feeds = publish(running if arguments.relay else origin, arguments)
            waits += feeds
        if not arguments.relay:
            waits.append(asyncio.ensure_future(accept(running)))
        print("ready", flush=True)
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


asyncio.run(main())
