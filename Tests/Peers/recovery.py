"""Cases in which something is missing: a publisher, the past, objects."""
import hashlib
import re
import time

import checks
import player
import read_counter
from bridge import Bridge
from cases import SMALL, told
from narrow_link import NarrowLink
from processes import Failed, Workspace, wait_until
from sources import Running, Source

ORIGIN = Source("aiomoqt", "cmaf")
LATE = [
    (Source("aiomoqt", "cmaf", "aiomoqt"), 18, "quic"),
    (Source("moq-rs", "hang", "moq-rs"), 22, "webtransport"),
]
# The cases that a clock judges, by name.
TIMED = "^late at "
LOSSES = [
    (Source("aiomoqt", "cmaf"), 14, "quic"),
    (Source("aiomoqt", "loc"), 18, "webtransport"),
    (Source("aiomoqt", "cmaf"), 22, "quic"),
]
FULL = [
    (Source("moq-rs", "cmaf"), 18, "quic"),
    (Source("aiomoqt", "cmaf", "moq-rs"), 22, "webtransport"),
]
# A fifth more than the broadcast needs.
FULL_KILOBITS = 2000
# One object in a hundred.
LOSS = 97
# What aiomoqt's relay keeps; of eight groups, one may have begun to go and one is not whole.
RELAY_SEGMENTS = 6


def cases():
    """(name, draft, function of the arguments)."""
    result = [("restart on draft 18", 18, restarted), ("twins on draft 18", 18, twins)]
    for source, draft, transport in LATE:
        result.append((
            f"late at {source} on draft {draft} over {transport}", draft,
            lambda arguments, key=(source, draft, transport): late(arguments, *key)))
    for source, draft, transport in LOSSES:
        name = f"{source} on draft {draft} over {transport}"
        result.append((
            f"lost: {name}", draft,
            lambda arguments, key=(source, draft, transport): repaired(arguments, *key)))
    for source, draft, transport in FULL:
        result.append((
            f"full: {source} on draft {draft} over {transport}", draft,
            lambda arguments, key=(source, draft, transport): full(arguments, *key)))
    result.append(("gone: aiomoqt, cmaf on draft 18 over quic", 18, gone))
    return result


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


def late(arguments, source, draft, transport):
    """A bridge that joins late has the past at once, as far as the relay has it."""
    with Workspace() as space, told(arguments, space):
        running = Running(space, source, (draft,), (transport,), tracks=SMALL)
        # A relay keeps only what somebody asked it for.
        first = Bridge(space, arguments.program, running, draft, transport)
        first.wait_for_media(10)
        second = Bridge(space, arguments.program, running, draft, transport)

        def listed():
            renditions = second.renditions()
            counts = [len(second.segments(rendition.name)) for rendition in renditions]
            return counts if len(counts) == 2 and min(counts) > 0 else None

        counts = wait_until(listed, 10, "every rendition has a playlist")
        age = second.age()
        known = min(len(first.segments(rendition.name)) for rendition in first.renditions())
        held = min(known, RELAY_SEGMENTS) if source.relay == "aiomoqt" else known
        if age > 2:
            raise Failed(f"the first playlist came after {age:.1f} s")
        if min(counts) < 0.8 * held:
            raise Failed(f"the first playlists list {counts} segments, the relay has {held}")
        checks.check_media(second)
        return f"{counts} segments of {known} after {age:.2f} s"


def repaired(arguments, source, draft, transport):
    """What is lost on the way is fetched; players see nothing of it."""
    with Workspace() as space, told(arguments, space):
        running = Running(space, source, (draft,), (transport,), tracks=SMALL, lost=LOSS)
        bridge = Bridge(space, arguments.program, running, draft, transport)
        bridge.wait_for_media()
        before = bridge.metric("repaired_objects_total")
        frames = player.play(space, bridge, arguments.seconds)
        chunks = checks.check_media(bridge)
        brought = bridge.metric("repaired_objects_total")
        if brought <= before or bridge.metric("holes_total"):
            raise Failed(f"{brought} objects repaired, {bridge.metric('holes_total')} holes")
        return f"{frames}, {chunks}, {brought:.0f} objects repaired"


def full(arguments, source, draft, transport):
    """A link with little room breaks for two seconds: all comes late, nothing twice for long."""
    with Workspace() as space, told(arguments, space):
        running = Running(space, source, (draft,), (transport,))
        with NarrowLink(running.port, FULL_KILOBITS) as link:
            running.port = link.port
            bridge = Bridge(space, arguments.program, running, draft, transport)
            bridge.wait_for_media(4)
            link.is_broken = True
            time.sleep(2)
            link.is_broken = False
            seen = min(len(bridge.segments(rendition.name)) for rendition in bridge.renditions())
            # What was on its way then has come, and groups go on since.
            bridge.wait_for_media(seen + 6)
            before = bridge.metric("repair_fetches_total")
            bridge.wait_for_media(seen + 9)
            repairs, holes = bridge.metric("repair_fetches_total"), bridge.metric("holes_total")
            if repairs > before or holes:
                raise Failed(f"{holes:.0f} holes, {repairs - before:.0f} of {repairs:.0f} repairs "
                             f"came long after the link was whole again")
            return f"{checks.check_media(bridge)}, {repairs:.0f} repairs"


def gone(arguments):
    """What nobody has is a gap, of sound a copy of the frame before it, and players go on."""
    with Workspace() as space, told(arguments, space):
        running = Running(space, ORIGIN, (18,), ("quic",), tracks=SMALL, gone=LOSS)
        bridge = Bridge(space, arguments.program, running, 18, "quic")
        bridge.wait_for_media()
        before = bridge.metric("holes_total")
        players = [
            player.Player(space, bridge, name, 20) for name in ("index.m3u8", "manifest.mpd")]
        for playing in players:
            playing.finish()
            if len(playing.numbers) < 100:
                raise Failed(f"{playing.url}: only {len(playing.numbers)} frames in 20 s")
        holes = bridge.metric("holes_total")
        if holes <= before or "#EXT-X-GAP\n" not in bridge.playlist("240p"):
            raise Failed(f"{holes} holes, and no segment of the video is a gap")
        concealed = bridge.metric("concealed_frames_total")
        if not concealed or "#EXT-X-GAP\n" in bridge.playlist("audio"):
            raise Failed(f"{concealed} frames are concealed, and the sound has gaps")
        frames = " and ".join(str(len(playing.numbers)) for playing in players)
        return f"{frames} frames around gaps, {holes:.0f} holes, {concealed:.0f} concealed"


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
