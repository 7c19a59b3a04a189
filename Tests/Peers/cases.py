"""What CI plays: a choice of the matrix, and what else there is to hold."""
import contextlib
import sys

import checks
import player
from bridge import Bridge
from processes import Workspace
from sources import DRAFTS, HERE, NAMESPACE, Running, Source

ROOT = HERE.parents[1]
# One picture is enough where the number of renditions is not what is tested.
SMALL = "240p,audio"


def plays(arguments, running, draft, transport):
    """A bridge joins on this draft and transport; ffmpeg plays; bytes and session are compared."""
    with Workspace() as space, told(arguments, space):
        bridge = Bridge(space, arguments.program, running, draft, transport)
        bridge.wait_for_media()
        checks.check_session(bridge)
        frames = player.play(space, bridge, arguments.seconds)
        chunks = checks.check_media(bridge)
        checks.check_session(bridge)
        return f"{frames}, {chunks}"


@contextlib.contextmanager
def told(arguments, space):
    """With --keep, a failure is followed by the logs of its programs."""
    try:
        yield
    except Exception:
        if arguments.keep:
            print(space.logs(), flush=True)
        raise


def play_alone(arguments, source, draft, transport, tracks=SMALL):
    with Workspace() as space, told(arguments, space):
        running = Running(space, source, (draft,), (transport,), tracks=tracks)
        return plays(arguments, running, draft, transport)


def subscribed(arguments, draft):
    """aiomoqt subscribes over WebTransport to what `moq-egress publish` serves."""
    with Workspace() as space, told(arguments, space):
        files = [ROOT / "Fixtures/Media" / f"{name}.mp4" for name in SMALL.split(",")]
        publisher = space.start("publish", [
            arguments.program, "publish", *files, "--listen", "127.0.0.1:0", "--namespace",
            NAMESPACE, "--draft", draft])
        port = publisher.wait_for(r"^publishing at moqt://127\.0\.0\.1:(\d+)/").group(1)
        subscriber = space.start("subscriber", [
            sys.executable, HERE / "subscriber.py", "--draft", draft, "--port", port,
            "--namespace", NAMESPACE, "--groups", 3])
        return subscriber.wait_for(r"^whole: (.*)$", 40).group(1)


def pushed(arguments, draft, transport):
    """A publisher opens the subscriptions, of a broadcast that is discovered by that."""
    with Workspace() as space, told(arguments, space):
        source = Source("aiomoqt", "cmaf")
        running = Running(space, source, (draft,), (transport,), tracks=SMALL, push=1)
        bridge = Bridge(
            space, arguments.program, running, draft, transport, "--namespace", "live", "--discover")
        bridge.wait_for_media()
        for track in ("catalog", *SMALL.split(",")):
            bridge.process.wait_for(rf"pushes \S*--{track}$")
        frames = player.play(space, bridge, arguments.seconds)
        return f"{frames}, {checks.check_media(bridge)}"


PUSHES = [(14, "quic"), (18, "webtransport"), (22, "quic")]
# The plays of CI: every draft and every packaging, both transports, both relays.
PLAYS = [
    (Source("aiomoqt", "cmaf"), 14, "quic"),
    (Source("aiomoqt", "cmaf"), 16, "webtransport"),
    (Source("aiomoqt", "cmaf"), 18, "quic"),
    (Source("aiomoqt", "cmaf"), 20, "webtransport"),
    (Source("aiomoqt", "cmaf"), 22, "quic"),
    (Source("aiomoqt", "loc"), 16, "quic"),
    (Source("aiomoqt", "loc"), 22, "webtransport"),
    (Source("moq-rs", "cmaf"), 14, "webtransport"),
    (Source("moq-rs", "cmaf"), 18, "quic"),
    (Source("moq-rs", "hang"), 16, "quic"),
    (Source("moq-rs", "hang", catalog="catalog.json"), 20, "webtransport"),
    (Source("moq-rs", "hang", relay="aiomoqt"), 18, "quic"),
    (Source("aiomoqt", "cmaf", relay="moq-rs"), 22, "webtransport"),
]


def all_cases(arguments):
    """(name, draft, function of the arguments) of every case."""
    import recovery

    cases = [
        (f"{source} on draft {draft} over {transport}", draft,
         lambda arguments, play=(source, draft, transport): play_alone(arguments, *play))
        for source, draft, transport in PLAYS]
    cases.append(
        ("three video renditions on draft 18 over webtransport", 18,
         lambda arguments: play_alone(
             arguments, Source("aiomoqt", "cmaf"), 18, "webtransport", "720p,480p,240p,audio")))
    cases += [
        (f"subscriber on draft {draft}", draft,
         lambda arguments, draft=draft: subscribed(arguments, draft)) for draft in DRAFTS]
    cases += [
        (f"pushed on draft {draft} over {transport}", draft,
         lambda arguments, play=(draft, transport): pushed(arguments, *play))
        for draft, transport in PUSHES]
    return cases + recovery.cases()
