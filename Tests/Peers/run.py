#!/usr/bin/env python3
"""Plays broadcasts of an independent MoQ implementation through moq-egress.

For each draft, an aiomoqt origin over raw QUIC, another over WebTransport, and an aiomoqt relay with a
publisher: `moq-egress serve` subscribes, and ffmpeg plays every rendition of the HLS and of the DASH
presentation. It fails on anything that ffmpeg warns of, on a frame that is missing or doubled, and on a
served chunk that is not, byte for byte, an object that was published. For each draft too, an aiomoqt
subscriber takes what `moq-egress publish` serves over WebTransport. The last cases kill the publisher
and start it again, and compare two bridges.
"""
import argparse
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import fragments
import read_counter

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
NAMESPACE = "live/peer"
LOOP = 400
# The lowest of the three video renditions, and its picture.
LOWEST, WIDTH, HEIGHT = 2, 426, 240
# ffmpeg's DASH demuxer reads the header again with each segment that it opens.
HARMLESS = ("Found duplicated MOOV Atom",)


class Failed(Exception):
    """What was expected and did not happen."""


def free_port():
    """A UDP port that the kernel has just picked."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_until(condition, seconds, what):
    """The first true value of a condition; fails when none comes in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise Failed(f"{what}: not within {seconds} s")


class Process:
    """A program that ends with its case; its output is kept."""

    def __init__(self, folder, name, command):
        self.name = name
        self.path = folder / f"{name}.log"
        self.output = open(self.path, "wb")
        self.process = subprocess.Popen(
            [str(part) for part in command], stdout=self.output, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, start_new_session=True)

    def text(self):
        return self.path.read_text(errors="replace")

    def wait_for(self, pattern, seconds=20):
        def found():
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended with {self.process.returncode}: {self.tail()}")
            return re.search(pattern, self.text(), re.MULTILINE)

        return wait_until(found, seconds, f"{self.name} says {pattern}")

    def tail(self):
        return " | ".join(self.text().splitlines()[-5:])

    def kill(self, number=signal.SIGKILL):
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.output.close()


class Case:
    """The processes of one case, all of which end with it."""

    def __init__(self, stack, arguments, draft):
        self.arguments, self.draft = arguments, draft
        self.folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="peers-")))
        self.stack = stack
        self.objects = self.folder / "objects.jsonl"
        self.starts = 0

    def start(self, name, command):
        self.starts += 1
        process = Process(self.folder, f"{name}-{self.starts}", command)
        self.stack.callback(process.kill, signal.SIGTERM)
        return process

    def make_certificate(self):
        self.certificate, self.key = self.folder / "certificate.pem", self.folder / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", self.key, "-out",
             self.certificate], check=True, capture_output=True)

    def publish(self, port=None, relay=None, base=0, transport="quic"):
        command = [
            sys.executable, HERE / "publisher.py", "--draft", self.draft, "--namespace", NAMESPACE,
            "--log", self.objects, "--base", base]
        if relay:
            command += ["--relay", f"127.0.0.1:{relay}"]
        else:
            command += ["--port", port, "--certificate", self.certificate, "--key", self.key]
            command += ["--transport", transport]
        publisher = self.start("publisher", command)
        publisher.wait_for("^ready$")
        return publisher

    def start_relay(self, port):
        relay = self.start("relay", [
            sys.executable, "-m", "aiomoqt.tools.moq_interop_relay", "--bind", "127.0.0.1", "--port",
            port, "--cert", self.certificate, "--key", self.key, "--quic", "--draft", self.draft])
        relay.wait_for("Listening on")

    def serve(self, port, *options, scheme="moqt"):
        service = self.start("moq-egress", [
            self.arguments.program, "serve", "--upstream", f"{scheme}://127.0.0.1:{port}/",
            "--namespace", NAMESPACE, "--insecure", "--draft", self.draft,
            "--listen", "127.0.0.1:0", *options])
        found = service.wait_for(r"^listening on http://127\.0\.0\.1:(\d+)$")
        self.web = int(found.group(1))
        self.base = f"http://127.0.0.1:{self.web}/{NAMESPACE}"
        return service

    def get(self, path):
        """Status and body of what the service serves at a path below the broadcast's."""
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=10)
        try:
            connection.request("GET", f"/{NAMESPACE}/{path}")
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def status(self):
        """What the service says of itself."""
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=10)
        try:
            connection.request("GET", "/status.json")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def segments(self, rendition):
        """The names of the whole segments that a playlist lists."""
        status, body = self.get(f"{rendition}/media.m3u8")
        if status != 200:
            return []
        return [line for line in body.decode().splitlines() if line and not line.startswith("#")]

    def published(self):
        """The digest of every object that was published so far, by track and decode time."""
        result = {}
        for line in self.objects.read_text().splitlines():
            track, _, _, moment, digest = json.loads(line)
            result.setdefault(track, {})[moment] = digest
        return result

    def wait_for_media(self, count=3):
        for rendition in ("240p", "audio"):
            wait_until(
                lambda: len(self.segments(rendition)) >= count, 40,
                f"{rendition} lists {count} segments")


class Player:
    """An ffmpeg that decodes every stream of a presentation and reads the frames' numbers."""

    def __init__(self, case, name, seconds):
        self.seconds = seconds
        self.url = f"{case.base}/{name}"
        self.stderr = case.folder / f"ffmpeg-{name}.log"
        self.process = subprocess.Popen(
            ["ffmpeg", "-nostdin", "-hide_banner", "-nostats", "-v", "warning", "-i", self.url,
             "-map", "0", "-t", str(seconds), "-f", "null", "-",
             "-map", f"0:v:{LOWEST}", "-t", str(seconds), "-fps_mode", "passthrough",
             "-f", "rawvideo", "-pix_fmt", "gray", "pipe:1"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=open(self.stderr, "wb"),
            start_new_session=True)
        case.stack.callback(self.kill)
        self.numbers = []
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for value in read_counter.numbers(self.process.stdout, WIDTH, HEIGHT):
            self.numbers.append(value)

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def finish(self, patience=30):
        try:
            self.process.wait(self.seconds + patience)
        except subprocess.TimeoutExpired:
            raise Failed(f"ffmpeg did not get {self.seconds} s of {self.url}: {self.warnings()[-3:]}")
        self.thread.join(5)
        if self.process.returncode != 0:
            raise Failed(f"ffmpeg {self.url} ended with {self.process.returncode}: {self.warnings()}")

    def warnings(self):
        lines = self.stderr.read_text(errors="replace").splitlines()
        return [line for line in lines if line.strip() and not any(h in line for h in HARMLESS)]

    def check(self):
        """Fails on a warning and on any frame that is not the one after the last."""
        if warnings := self.warnings():
            raise Failed(f"ffmpeg {self.url} warns: {' | '.join(warnings[:3])}")
        if problems := read_counter.faults(self.numbers, LOOP):
            raise Failed(f"{self.url}: {len(problems)} faults: {'; '.join(problems[:3])}")
        if len(self.numbers) < self.seconds * 25 - 10:
            raise Failed(f"{self.url}: {len(self.numbers)} frames in {self.seconds} s")


def check_bytes(case):
    """Every chunk of every listed segment is an object that was published, and none is missing."""
    served = {}
    for rendition in case.published():
        for name in case.segments(rendition):
            status, body = case.get(f"{rendition}/{name}")
            if status != 200:
                raise Failed(f"{rendition}/{name} is listed and answers {status}")
            served.setdefault(rendition, {})[name] = body
    # Read last: the newest segments grew with what was published while they were fetched.
    published = case.published()
    total = 0
    for rendition, bodies in served.items():
        objects = published[rendition]
        order = sorted(objects)
        expected = None
        for name, body in bodies.items():
            _, chunks = fragments.split(body)
            for chunk in chunks:
                moment = fragments.decode_time(chunk)
                if objects.get(moment) != hashlib.sha256(chunk).hexdigest():
                    raise Failed(f"{rendition}/{name}: the chunk at {moment} is not what was sent")
                position = order.index(moment)
                if expected is not None and position != expected:
                    raise Failed(f"{rendition}/{name}: a chunk is missing before {moment}")
                expected = position + 1
                total += 1
    if total < 100:
        raise Failed(f"only {total} chunks are served")
    return total


def play(case, upstream, scheme="moqt"):
    """Starts the service, plays both presentations, compares the bytes."""
    case.serve(upstream, scheme=scheme)
    case.wait_for_media()
    players = [Player(case, name, case.arguments.seconds) for name in ("index.m3u8", "manifest.mpd")]
    for player in players:
        player.finish()
        player.check()
    frames = " and ".join(str(len(player.numbers)) for player in players)
    return f"{frames} frames, {check_bytes(case)} chunks as published"


def direct(case):
    port = free_port()
    case.make_certificate()
    case.publish(port)
    return play(case, port)


def webtransport(case):
    """The origin serves both transports on one port; https:// must come to WebTransport."""
    port = free_port()
    case.make_certificate()
    case.publish(port, transport="both")
    result = play(case, port, scheme="https")
    transport = case.status()["broadcasts"][0]["transport"]
    if transport != "webtransport":
        raise Failed(f"the session runs on {transport}")
    return result


def subscribed(case):
    """aiomoqt subscribes over WebTransport to what `moq-egress publish` serves."""
    files = [ROOT / "Fixtures/Media" / f"{name}.mp4" for name in ("240p", "audio")]
    publisher = case.start("publish", [
        case.arguments.program, "publish", *files, "--listen", "127.0.0.1:0", "--namespace",
        NAMESPACE, "--draft", case.draft])
    port = publisher.wait_for(r"^publishing at moqt://127\.0\.0\.1:(\d+)/").group(1)
    subscriber = case.start("subscriber", [
        sys.executable, HERE / "subscriber.py", "--draft", case.draft, "--port", port,
        "--namespace", NAMESPACE, "--groups", 3])
    return subscriber.wait_for(r"^whole: (.*)$", 40).group(1)


def relayed(case):
    port = free_port()
    case.make_certificate()
    case.start_relay(port)
    case.publish(relay=port)
    return play(case, port)


class Watch:
    """Looks at a playlist twice a second and notes what must never be."""

    def __init__(self, case):
        self.case, self.faults, self.first, self.text = case, [], 0, ""
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopped.wait(0.5):
            try:
                for name in ("index.m3u8", "manifest.mpd"):
                    status, _ = self.case.get(name)
                    if status != 200:
                        self.faults.append(f"{name} answered {status}")
                status, body = self.case.get("240p/media.m3u8")
            except OSError as error:
                self.faults.append(f"the service did not answer: {error}")
                continue
            self.text = body.decode()
            found = re.search(r"^#EXT-X-MEDIA-SEQUENCE:(\d+)$", self.text, re.MULTILINE)
            if status != 200 or not found:
                self.faults.append(f"240p/media.m3u8 answered {status}")
                continue
            number = int(found.group(1))
            if number < self.first:
                self.faults.append(f"EXT-X-MEDIA-SEQUENCE went from {self.first} to {number}")
            self.first = number

    def stop(self):
        self.stopped.set()
        self.thread.join(15)


def restarted(case):
    """The publisher is killed, and ten seconds later another one begins at time 0."""
    port = free_port()
    case.make_certificate()
    publisher = case.publish(port)
    case.serve(port)
    case.wait_for_media()
    watch = Watch(case)
    player = Player(case, "index.m3u8", 30)
    wait_until(lambda: len(player.numbers) > 50, 20, "ffmpeg plays")
    publisher.kill()
    time.sleep(10)
    case.publish(port)
    wait_until(lambda: "#EXT-X-DISCONTINUITY\n" in watch.text, 45, "EXT-X-DISCONTINUITY is listed")
    seen = len(player.numbers)
    wait_until(
        lambda: case.get("manifest.mpd")[1].count(b"<Period") >= 2, 20, "the MPD has two Periods")
    wait_until(lambda: len(player.numbers) > seen + 50, 40, "ffmpeg plays on")
    watch.stop()
    if watch.faults:
        raise Failed("; ".join(watch.faults[:3]))
    problems = read_counter.faults(player.numbers, LOOP)
    if len(problems) != 1:
        raise Failed(f"not the restart alone: {len(problems)} faults: {'; '.join(problems[:3])}")
    return f"{len(player.numbers)} frames over the restart"


def twins(case):
    """Two bridges, one of which joins seconds later and inside a group, serve the same bytes."""
    port = free_port()
    case.make_certificate()
    case.publish(port, base=int(time.time()))
    options = ["--window", 6]
    case.serve(port, *options)
    first = case.web
    case.wait_for_media(2)
    case.serve(port, *options)
    second = case.web
    # Six segments are listed whatever the window: then what the first one saw alone is gone.
    case.wait_for_media(6)
    compared = 0
    for rendition in ("720p", "240p", "audio"):
        playlist = case.get(f"{rendition}/media.m3u8")[1].decode()
        oldest = re.search(r"^#EXT-X-MEDIA-SEQUENCE:(\d+)$", playlist, re.MULTILINE)
        following = int(oldest.group(1)) + playlist.count("#EXTINF:") + 1
        for index in range(3):
            path = f"{rendition}/media.m3u8?_HLS_msn={following}&_HLS_part={index}"
            texts = []
            for case.web in (first, second):
                status, body = case.get(path)
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
            for case.web in (first, second):
                status, body = case.get(f"{rendition}/{name}")
                bodies.append((status, hashlib.sha256(body).hexdigest()))
            if bodies[0] != bodies[1] or bodies[0][0] != 200:
                raise Failed(f"{rendition}/{name} differs: {bodies}")
            compared += 1
    return f"{compared} answers are alike"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="how long each player plays")
    parser.add_argument("--drafts", default="14,16,18", help="which drafts, comma-separated")
    parser.add_argument("--program", default=str(ROOT / ".build/debug/moq-egress"))
    parser.add_argument("--only", help="only cases whose name matches this expression")
    parser.add_argument("--keep", action="store_true", help="print the logs of a case that fails")
    arguments = parser.parse_args()
    if not os.access(arguments.program, os.X_OK):
        parser.error(f"{arguments.program} is not there: swift build --product moq-egress")
    cases = []
    for draft in map(int, arguments.drafts.split(",")):
        cases += [
            (f"draft {draft} direct", draft, direct),
            (f"draft {draft} webtransport", draft, webtransport),
            (f"draft {draft} relay", draft, relayed),
            (f"draft {draft} subscriber over webtransport", draft, subscribed),
        ]
    cases.append(("draft 18 restart", 18, restarted))
    cases.append(("draft 18 twins", 18, twins))
    passed = failed = 0
    for name, draft, body in cases:
        if arguments.only and not re.search(arguments.only, name):
            continue
        started = time.monotonic()
        with contextlib.ExitStack() as stack:
            case = Case(stack, arguments, draft)
            try:
                result = body(case)
                passed += 1
            except (Failed, OSError, ValueError) as error:
                failed += 1
                result = f"FAILED: {error}"
                if arguments.keep:
                    for path in sorted(case.folder.glob("*.log")):
                        print(f"--- {path.name}\n{path.read_text(errors='replace')[-3000:]}")
        print(f"peers: {name}: {result} ({time.monotonic() - started:.0f} s)", flush=True)
    print(f"peers: {passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
