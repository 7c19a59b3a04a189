"""Broadcasts that independent implementations publish, with or without a relay of theirs."""
import dataclasses
import json
import pathlib
import sys

from media import LADDER
from processes import free_port

HERE = pathlib.Path(__file__).resolve().parent
DRAFTS = (14, 16, 18, 20, 22)
TRANSPORTS = ("quic", "webtransport")
NAMESPACE = "live/peer"
PUBLISHERS = {"aiomoqt": "publisher_aiomoqt.py", "moq-rs": "publisher_moqrs.py"}


@dataclasses.dataclass(frozen=True)
class Source:
    """Who publishes what, by way of whom, and which catalog the bridge is to read."""

    publisher: str
    packaging: str
    relay: str = ""
    catalog: str = ""

    def __str__(self):
        way = f"{self.publisher} by a relay of {self.relay}" if self.relay else self.publisher
        return f"{way}, {self.packaging}" + (f" by {self.catalog}" if self.catalog else "")

    @property
    def is_bytewise(self):
        """Whether the bridge serves objects as they are."""
        return self.packaging == "cmaf"


class Running:
    """A source that runs in a workspace; through a relay there is one publisher for each draft."""

    def __init__(self, space, source, drafts=DRAFTS, transports=TRANSPORTS, **options):
        self.space, self.source, self.options = space, source, options
        self.port = free_port()
        if not source.relay:
            self.publishers = {0: self.publish_origin(drafts, transports)}
            return
        self.start_relay(drafts)
        self.publishers = {}
        for index, draft in enumerate(drafts):
            transport = transports[index % len(transports)]
            self.publishers[draft] = self.push(draft, transport)

    @property
    def tracks(self):
        """The names of what is published, in the publisher's order."""
        return self.options["tracks"].split(",") if "tracks" in self.options else list(LADDER)

    def namespace(self, draft):
        return f"{NAMESPACE}/{draft}" if self.source.relay else NAMESPACE

    def log(self, draft):
        return self.space.folder / f"objects-{draft if self.source.relay else 0}.jsonl"

    def command(self, namespace, draft):
        result = [
            sys.executable, HERE / PUBLISHERS[self.source.publisher], "--namespace", namespace,
            "--packaging", self.source.packaging, "--log", self.log(draft)]
        for name, value in self.options.items():
            result += [f"--{name}", value]
        return result

    def pinned(self, drafts):
        """How a peer is held to drafts; moq-rs can't be."""
        return ["--drafts", ",".join(map(str, drafts))]

    def publish_origin(self, drafts, transports):
        command = self.command(NAMESPACE, 0)
        command += self.identity()
        if self.source.publisher == "aiomoqt":
            command += self.pinned(drafts)
            command += ["--transport", transports[0] if len(transports) == 1 else "both"]
        return self.ready(self.space.start("publisher", command))

    def identity(self):
        return [
            "--port", self.port, "--certificate", self.space.certificate, "--key", self.space.key]

    def push(self, draft, transport):
        command = self.command(self.namespace(draft), draft)
        command += ["--relay", f"127.0.0.1:{self.port}", "--transport", transport]
        if self.source.publisher == "aiomoqt":
            command += self.pinned([draft])
        return self.ready(self.space.start(f"publisher-{draft}", command))

    def ready(self, process):
        process.wait_for("^ready$")
        return process

    def start_relay(self, drafts):
        if self.source.relay == "aiomoqt":
            relay = self.space.start("relay", [
                sys.executable, "-m", "aiomoqt.tools.moq_interop_relay", "--bind", "127.0.0.1",
                "--port", self.port, "--cert", self.space.certificate, "--key", self.space.key,
                "--dual", "--draft", ",".join(map(str, drafts))])
            relay.wait_for("Listening on")
        else:
            command = [sys.executable, HERE / PUBLISHERS["moq-rs"], "--tracks", ""]
            self.ready(self.space.start("relay", command + self.identity()))

    def published(self, draft):
        """Of every track the digests of its objects, in order."""
        result = {}
        for line in self.log(draft).read_text().splitlines():
            track, _, _, moment, digest = json.loads(line)
            result.setdefault(track, []).append((moment, digest))
        return result
