"""Cases in which something is missing: a publisher, the past, objects."""
import hashlib
import re
import time

import checks
import player
import read_counter
from bridge import Bridge
from cases import SMALL, told
from processes import Failed, Workspace, wait_until
from sources import Running, Source

ORIGIN = Source("aiomoqt", "cmaf")


def cases():
    """(name, draft, function of the arguments)."""
    return [("restart on draft 18", 18, restarted), ("twins on draft 18", 18, twins)]


def restarted(arguments):
    """The publisher is killed, and ten seconds later another one begins at time 0."""
    with Workspace() as space, told(arguments, space):
        running = Running(space, ORIGIN, (18,), ("quic",), tracks=SMALL)
        bridge = Bridge(space, arguments.program, running, 18, "quic")
        bridge.wait_for_media()
        watch = checks.Watch(bridge, "240p")
        playing = player.Player(space, bridge, "index.m3u8", 30)
        wait_until(lambda: len(playing.numbers) > 50, 20, "ffmpeg plays")
        running.publishers[0].kill()
        time.sleep(10)
        running.publish_origin((18,), ("quic",))
        wait_until(
            lambda: "#EXT-X-DISCONTINUITY\n" in watch.text, 45, "EXT-X-DISCONTINUITY is listed")
        seen = len(playing.numbers)
        wait_until(
            lambda: bridge.get("manifest.mpd")[1].count(b"<Period") >= 2, 20,
            "the MPD has two Periods")
        wait_until(lambda: len(playing.numbers) > seen + 50, 40, "ffmpeg plays on")
        watch.stop()
        problems = read_counter.faults(playing.numbers, player.LOOP)
        if len(problems) != 1:
            raise Failed(
                f"not the restart alone: {len(problems)} faults: {'; '.join(problems[:3])}")
        return f"{len(playing.numbers)} frames over the restart"


def twins(arguments):
    """Two bridges, one of which joins seconds later and inside a group, serve the same bytes."""
    with Workspace() as space, told(arguments, space):
        running = Running(space, ORIGIN, (18,), ("quic",), base=int(time.time()))
        first = Bridge(space, arguments.program, running, 18, "quic", "--window", 6)
        first.wait_for_media(2)
        second = Bridge(space, arguments.program, running, 18, "quic", "--window", 6)
        # Six segments are listed whatever the window: then what the first one saw alone is gone.
        first.wait_for_media(6)
        second.wait_for_media(6)
        compared = sum(
            compare(first, second, rendition) for rendition in ("720p", "240p", "audio"))
        return f"{compared} answers are alike"


def compare(first, second, rendition):
    """Fails on an answer that differs; how many did not."""
    compared = 0
    playlist = first.playlist(rendition)
    oldest = re.search(r"^#EXT-X-MEDIA-SEQUENCE:(\d+)$", playlist, re.MULTILINE)
    following = int(oldest.group(1)) + playlist.count("#EXTINF:") + 1
    for index in range(3):
        path = f"{rendition}/media.m3u8?_HLS_msn={following}&_HLS_part={index}"
        texts = []
        for bridge in (first, second):
            status, body = bridge.get(path)
            if status != 200:
                raise Failed(f"{path} answered {status}")
            texts.append(body.decode())
        if texts[0] != texts[1]:
            left, right = next(
                pair for pair in zip(texts[0].splitlines(), texts[1].splitlines())
                if pair[0] != pair[1])
            raise Failed(f"{path}: one says {left}, the other {right}")
        compared += 1
    names = re.findall(r'(?:URI=")?([^"\n#]+\.(?:m4s|mp4))', texts[0])
    for name in names[:-1]:
        bodies = []
        for bridge in (first, second):
            status, body = bridge.get(f"{rendition}/{name}")
            bodies.append((status, hashlib.sha256(body).hexdigest()))
        if bodies[0] != bodies[1] or bodies[0][0] != 200:
            raise Failed(f"{rendition}/{name} differs: {bodies}")
        compared += 1
    return compared
