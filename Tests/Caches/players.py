"""Many players of one cache: low latency by parts, HLS by segments, DASH by segments.

Every player follows one video rendition and the audio. What it was served is written down by the answer of
the origin it stems from; what is wrong with it at once. Ends after --seconds, or on SIGTERM, with a report.
"""
import argparse
import asyncio
import hashlib
import json
import pathlib
import signal
import ssl
import time
import urllib.parse

import documents
from client import Broken, Client

VIDEOS = ("240p", "480p", "720p")


class Ledger:
    """What all players of this process were served."""

    def __init__(self):
        self.served = {}
        self.faults = []
        self.broken = []
        self.lags = []
        self.positions = {}
        self.requests = 0

    def note(self, key, answer, asked, done):
        self.requests += 1
        name = answer.origin or f"cache {answer.status}"
        digest = hashlib.sha256(answer.body).hexdigest()
        entry = self.served.get((key, name, digest))
        if entry is None:
            entry = self.served[key, name, digest] = {
                "key": key, "origin": answer.origin, "status": answer.status, "sha256": digest,
                "encoding": answer.encoding, "count": 0, "first": done, "last": asked}
        entry["count"] += 1
        entry["first"] = min(entry["first"], done)
        entry["last"] = max(entry["last"], asked)
        return digest

    def fault(self, text):
        if len(self.faults) < 200:
            self.faults.append(text)

    def report(self):
        return {"served": list(self.served.values()), "faults": self.faults, "broken": self.broken,
                "lags": self.lags, "positions": self.positions, "requests": self.requests}


class Player:
    def __init__(self, arguments, ledger, number):
        self.arguments, self.ledger, self.number = arguments, ledger, number
        self.video = VIDEOS[number % len(VIDEOS)]
        # Some players do not take gzip, as ffmpeg.
        self.fields = {"User-Agent": "caches-test"}
        if number % 10:
            self.fields["Accept-Encoding"] = "gzip, deflate, br" if number % 2 else "gzip"
        # What must not matter: a token and CMCD of each player's own.
        self.extra = f"token=t{number}&CMCD=" + urllib.parse.quote(f'sid="{number}",bl=2000')

    def client(self):
        return Client(self.arguments.port, self.arguments.tls, self.fields)

    async def get(self, client, path, directives=()):
        """One answer; what is no 200 is a fault, and the answer none."""
        pairs = [self.extra, *directives] if self.number % 2 else [*reversed(directives), self.extra]
        key = path + ("?" + "&".join(sorted(directives)) if directives else "")
        for attempt in (1, 2):
            asked = time.monotonic()
            try:
                answer = await client.get(f"{path}?{'&'.join(pairs)}")
                break
            except Broken as broken:
                # Bytes of a growing segment that were sent can't be taken back: players try again.
                self.ledger.broken.append({
                    "key": key, "origin": broken.answer.origin if broken.answer else "",
                    "attempt": attempt, "why": str(broken)})
                if attempt == 2:
                    return None
        digest = self.ledger.note(key, answer, asked, time.monotonic())
        if answer.status != 200:
            self.ledger.fault(f"{answer.status} for {key}: {answer.body[:80]}")
            return None
        answer.digest = digest
        return answer

    def url(self, rendition, name):
        return f"{self.arguments.base}/{rendition}/{name}"


class LowLatency(Player):
    """Reloads that wait for the next part; parts by their hint, or once they are listed."""

    async def play(self):
        await self.get(self.client(), f"{self.arguments.base}/index.m3u8")
        await asyncio.gather(self.follow(self.video), self.follow("audio"))

    async def follow(self, rendition):
        playlists, media = self.client(), self.client()
        name = f"{self.number} {rendition}"
        path = self.url(rendition, "media.m3u8")
        takes_hints = self.number % 2 == 0
        skips = ["_HLS_skip=YES"] if self.number % 3 == 0 else []
        playlist = await self.playlist(playlists, path, [])
        if playlist:
            await self.get(media, self.url(rendition, playlist.init))
        while playlist:
            wanted = playlist.following(guesses=self.number % 4 == 1)
            reload = self.playlist(playlists, path, [
                f"_HLS_msn={wanted[0]}", f"_HLS_part={wanted[1]}", *skips])
            if takes_hints and playlist.hint:
                part = self.get(media, self.url(rendition, playlist.hint))
                news, _ = await asyncio.gather(reload, part)
            else:
                news = await reload
            if not news:
                # A player comes back after an error; it was written down.
                playlist = await self.playlist(playlists, path, [])
                continue
            if not news.contains(*wanted):
                self.ledger.fault(f"{name}: {wanted} asked for, {news.position} served by {news.origin}")
            if news.position < playlist.position or news.first < playlist.first:
                self.ledger.fault(f"{name}: back from {playlist.position} to {news.position}")
            if not takes_hints:
                for uri in news.parts_after(playlist.position):
                    await self.get(media, self.url(rendition, uri))
            self.ledger.positions[name] = [*news.position, news.origin, news.edge]
            self.ledger.lags.append(time.time() - news.edge)
            playlist = news

    async def playlist(self, client, path, directives):
        answer = await self.get(client, path, directives)
        return answer and documents.playlist(answer)


class Plain(Player):
    """HLS by whole segments: a reload each target duration, three of them behind the end."""

    async def play(self):
        await asyncio.gather(self.follow(self.video), self.follow("audio"))

    async def follow(self, rendition):
        client = self.client()
        path = self.url(rendition, "media.m3u8")
        last = None
        next_number = 0
        while True:
            began = time.monotonic()
            answer = await self.get(client, path)
            playlist = answer and documents.playlist(answer)
            if playlist:
                if last and (playlist.position < last.position or playlist.first < last.first):
                    self.ledger.fault(f"{path}: back from {last.position} to {playlist.position}")
                last = playlist
                next_number = next_number or playlist.segments[-3:][0][0]
                for number, uri in playlist.segments_from(next_number):
                    await self.get(client, self.url(rendition, uri))
                    next_number = number + 1
                self.ledger.positions[f"{self.number} {rendition}"] = [
                    *playlist.position, playlist.origin, playlist.edge]
            # The player's own pace, by which it differs from others.
            await asyncio.sleep(max(0.5, 2 - (time.monotonic() - began)))


class Dash(Player):
    """DASH: segments as they grow."""

    async def play(self):
        client, media = self.client(), {name: self.client() for name in (self.video, "audio")}
        path = f"{self.arguments.base}/manifest.mpd"
        newest = {}
        while True:
            began = time.monotonic()
            answer = await self.get(client, path)
            if answer:
                manifest = documents.manifest(answer)
                await asyncio.gather(*(
                    self.fetch(name, manifest, newest, media[name]) for name in media))
            await asyncio.sleep(max(0.5, 2 - (time.monotonic() - began)))

    async def fetch(self, name, manifest, newest, client):
        times = manifest[name]
        known = newest.get(name, times[-1])
        if times[-1] < known:
            self.ledger.fault(f"{name}: MPD back from {known} to {times[-1]}")
        for time_ in [time_ for time_ in times if time_ > known] or ([] if name in newest else [known]):
            await self.get(client, self.url(name, f"0/segment/{time_}.m4s"))
            newest[name] = time_
            self.ledger.positions[f"{self.number} {name} dash"] = [time_, 0, "", 0]


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--certificate", help="to be trusted; plain HTTP without")
    parser.add_argument("--base", required=True, help="path of the broadcast")
    parser.add_argument("--clients", type=int, required=True, help="low-latency players")
    parser.add_argument("--others", type=int, required=True, help="players of HLS, and as many of DASH")
    parser.add_argument("--first", type=int, default=0, help="number of the first player")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--report", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    arguments.tls = arguments.certificate and ssl.create_default_context(cafile=arguments.certificate)
    ledger = Ledger()
    first = arguments.first
    players = [LowLatency(arguments, ledger, first + n) for n in range(arguments.clients)]
    players += [Plain(arguments, ledger, 10_000 + first + n) for n in range(arguments.others)]
    players += [Dash(arguments, ledger, 20_000 + first + n) for n in range(arguments.others)]
    tasks = [asyncio.create_task(player.play()) for player in players]
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    asyncio.get_running_loop().call_later(arguments.seconds, ended.set)
    print(f"{len(players)} players", flush=True)
    await ended.wait()
    for task in tasks:
        if task.done() and not task.cancelled():
            ledger.fault(f"a player ended: {task.exception()!r}")
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    arguments.report.write_text(json.dumps(ledger.report()))


asyncio.run(main())
