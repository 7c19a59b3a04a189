#!/usr/bin/env python3
"""Lets `moq-egress check` judge what the service makes of broadcasts of many shapes.

Each case publishes something, serves it and runs `check` on its HLS and its DASH at once: no MUST may fail.
"""
import argparse
import concurrent.futures
import json
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "Tests/Peers"))

from processes import Failed, Workspace, wait_until

NAMESPACE = "live/check"
FIXTURES = ROOT / "Fixtures/Media"
FLAGS = "-strict -2 -movflags +cmaf+frag_every_frame+delay_moov"
SOUND = "-f lavfi -i sine=frequency=440:sample_rate=48000:duration={seconds} -ac 2 -c:a aac -b:a 64k"


def picture(seconds, group, more="-bf 0", rate="25", frames=None):
    """ffmpeg's arguments for a video of so many seconds with a key frame every `group` frames."""
    frames = frames or int(seconds * 25)
    return (
        f"-f lavfi -i testsrc2=size=320x180:rate={rate}:duration={seconds + 1} -frames:v {frames} "
        f"-c:v libx264 -preset veryfast -threads 1 -pix_fmt yuv420p -g {group} -keyint_min {group} "
        f"-sc_threshold 0 -b:v 300k -maxrate 300k -bufsize 300k {more}")


def sound(seconds, frames):
    return SOUND.format(seconds=seconds + 1) + f" -frames:a {frames}"


# By case, the files that are encoded for it: 16 s are 750 whole frames of sound.
ENCODED = {
    "29.97 frames a second": {"video": picture(16, 60, rate="30000/1001", frames=480)},
    "B-frames": {
        "video": picture(16, 50, "-bf 3 -x264-params b-pyramid=normal:b-adapt=0"),
        "audio": sound(16, 750),
    },
    "groups of half a second": {
        "video": picture(16, 25, rate="50", frames=800), "audio": sound(16, 750)},
    # 1,875 whole frames of sound.
    "groups of ten seconds": {"video": picture(40, 250), "audio": sound(40, 1875)},
}
LADDER = ("720p", "480p", "240p", "audio")


class Service:
    """A bridge that serves what is published at a port; `variables` are of its configuration."""

    def __init__(self, space, program, port, namespace=NAMESPACE, variables=()):
        self.process = space.start("bridge", [
            "env", *variables, program, "serve", "--upstream", f"moqt://127.0.0.1:{port}/", "--namespace", namespace,
            "--insecure", "--listen", "127.0.0.1:0"])
        found = self.process.wait_for(r"^listening on (http://127\.0\.0\.1:\d+)$")
        self.base = f"{found.group(1)}/{namespace}"


def published_at(space, program, files):
    """Publishes files in a loop; the program and its port."""
    publisher = space.start("publisher", [
        program, "publish", *files, "--listen", "127.0.0.1:0", "--namespace", NAMESPACE])
    return publisher, publisher.wait_for(r"^publishing at moqt://127\.0\.0\.1:(\d+)/").group(1)


def encode(space, files):
    paths = []
    for name, arguments in files.items():
        path = space.folder / f"{name}.mp4"
        subprocess.run(
            ["ffmpeg", "-nostdin", "-v", "error", *shlex.split(f"{arguments} {FLAGS}"), path],
            check=True)
        paths.append(path)
    return paths


def check(space, arguments, base, seconds, meanwhile=lambda: None, silences=r"^$"):
    """Runs the checker; its closing lines. Fails when it finds fault.

    What it says of silences of the source has to match a pattern: none, unless there is one to see.
    """
    checker = space.start("check", [
        arguments.program, "check", f"{base}/index.m3u8", f"{base}/manifest.mpd", "--seconds", seconds,
        "--network-delay", arguments.network_delay])
    meanwhile()
    wait_until(lambda: checker.process.poll() is not None, seconds + 60, "the check ends")
    text = checker.text()
    if arguments.reports:
        name = re.sub(r"\W+", "-", space.case)
        (pathlib.Path(arguments.reports) / f"{name}.txt").write_text(text)
    if checker.process.returncode:
        # Each with what was found, up to the empty line.
        faults = [
            " ".join(found.split()) for found in text.split("\n\n") if re.match(r"\S+ MUST fails", found)]
        raise Failed(f"exit {checker.process.returncode}: {' | '.join(faults[:12])} {checker.tail()}")
    silent = " | ".join(line for line in text.splitlines() if "silen" in line)
    if not re.search(silences, silent):
        raise Failed(f"silences: {silent or 'none'}")
    return " ".join(filter(None, [text.splitlines()[-1], silent]))


def wait_for_media(space, base, seconds=60):
    import urllib.request

    def has_media():
        try:
            with urllib.request.urlopen(f"{base}/index.m3u8", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    wait_until(has_media, seconds, "there is media")


def published(space, arguments, files, seconds):
    service = Service(space, arguments.program, published_at(space, arguments.program, files)[1])
    wait_for_media(space, service.base)
    return check(space, arguments, service.base, seconds)


def from_peer(space, arguments, variables=(), **options):
    """What aiomoqt publishes."""
    from sources import Running, Source

    running = Running(space, Source("aiomoqt", "cmaf"), (18,), ("quic",), **options)
    service = Service(space, arguments.program, running.port, running.namespace(18), variables)
    return running, service


def one_frame_groups(space, arguments, seconds):
    _, service = from_peer(space, arguments, tracks="240p,audio", short=1)
    wait_for_media(space, service.base)
    return check(space, arguments, service.base, seconds)


def restarted(space, arguments, away):
    """A publisher that is killed and comes back after some seconds, with nothing of the past."""
    variables = []
    if away > 10:
        # By its defaults the bridge would begin the playlist afresh.
        variables.append("MOQ_EGRESS_PACKAGING_GAP_LIMIT=30")
    running, service = from_peer(space, arguments, variables, tracks="240p,audio")
    wait_for_media(space, service.base)

    def restart():
        time.sleep(12)
        running.publishers[0].kill()
        time.sleep(away)
        running.publish_origin((18,), ("quic",))

    return check(
        space, arguments, service.base, away + 45, restart,
        r"^source was silent from 1\d\.\d s to \d\d\.\d s, then [^|]*$")


def ended(space, arguments, seconds):
    """A broadcast that ends in the middle of a check, whose report is read as machines do."""
    publisher, port = published_at(space, arguments.program, [
        FIXTURES / "240p.mp4", FIXTURES / "audio.mp4"])
    service = Service(space, arguments.program, port)
    wait_for_media(space, service.base)
    checker = space.start("check", [
        arguments.program, "check", f"{service.base}/index.m3u8", f"{service.base}/manifest.mpd",
        "--seconds", seconds, "--json"])
    time.sleep(seconds / 2)
    publisher.kill(signal.SIGTERM)
    wait_until(lambda: checker.process.poll() is not None, seconds + 60, "the check ends")
    report = json.loads(checker.text())
    outcomes = {entry["id"]: entry["outcome"] for entry in report["requirements"]}
    faults = [
        f"{entry['id']} {entry['findings']}" for entry in report["requirements"]
        if entry["level"] == "MUST" and entry["outcome"] == "fail"]
    if faults or report["violatesMust"] or checker.process.returncode:
        raise Failed(f"exit {checker.process.returncode}: {' | '.join(faults)}")
    if report["notes"] or outcomes["HLS-072"] != "pass":
        raise Failed(f"HLS-072 {outcomes['HLS-072']}, {report['notes']}")
    return f"No MUST fails, HLS-072 {outcomes['HLS-072']}."


def cases(arguments):
    """(name, whether CI runs it, function of the workspace)."""
    seconds = arguments.seconds
    result = [
        ("the ladder with sound", True, lambda space: published(
            space, arguments, [FIXTURES / f"{name}.mp4" for name in LADDER], seconds)),
        ("a broadcast that ends", True, lambda space: ended(space, arguments, seconds)),
        ("sound alone", False, lambda space: published(
            space, arguments, [FIXTURES / "audio.mp4"], seconds)),
    ]
    for name, files in ENCODED.items():
        length = max(seconds, 45) if "ten seconds" in name else seconds
        result.append((name, name == "B-frames", lambda space, files=files, length=length: published(
            space, arguments, encode(space, files), length)))
    if not arguments.without_peers:
        result.append(("sound in groups of one frame", False, lambda space: one_frame_groups(
            space, arguments, seconds)))
        result.append(("a publisher that restarts", False, lambda space: restarted(
            space, arguments, 4)))
        result.append(("a publisher that restarts late", False, lambda space: restarted(
            space, arguments, 30)))
    return result


def run(arguments, name, body):
    started = time.monotonic()
    try:
        with Workspace() as space:
            space.case = name
            try:
                text = body(space)
            except Exception:
                if arguments.keep:
                    print(space.logs(), flush=True)
                raise
    except Exception as error:  # A case that breaks has failed; the others go on.
        print(f"check: {name}: FAILED: {error} ({time.monotonic() - started:.0f} s)", flush=True)
        return False
    print(f"check: {name}: {text} ({time.monotonic() - started:.0f} s)", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=ROOT / ".build/debug/moq-egress")
    parser.add_argument("--seconds", type=int, default=20, help="how long a check lasts")
    parser.add_argument("--network-delay", default="0.15", help="what check allows, for busy machines")
    parser.add_argument("--all", action="store_true", help="what CI leaves out, too")
    parser.add_argument("--only", default="", metavar="REGEX")
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--reports", metavar="DIR", help="where reports are put")
    parser.add_argument("--keep", action="store_true", help="print the logs of what failed")
    parser.add_argument("--without-peers", action="store_true", help="leave out what needs aiomoqt")
    arguments = parser.parse_args()
    if arguments.without_peers:
        print("check: SKIPPED: what needs aiomoqt", flush=True)
    wanted = [
        (name, body) for name, is_usual, body in cases(arguments)
        if re.search(arguments.only, name) and (is_usual or arguments.all or arguments.only)]
    with concurrent.futures.ThreadPoolExecutor(arguments.parallel) as pool:
        results = list(pool.map(lambda case: run(arguments, *case), wanted))
    print(f"check: {results.count(True)} passed, {results.count(False)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
