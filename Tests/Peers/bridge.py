"""`moq-egress serve` under test."""
import dataclasses
import http.client
import json
import time

from processes import Failed, wait_until


@dataclasses.dataclass(frozen=True)
class Rendition:
    """A track that the service serves."""

    name: str
    is_video: bool


class Bridge:
    """A service that has subscribed to one broadcast of a running source."""

    def __init__(self, space, program, running, draft, transport, *options):
        self.running, self.draft, self.transport = running, draft, transport
        self.namespace = running.namespace(draft)
        scheme = "https" if transport == "webtransport" else "moqt"
        command = [
            program, "serve", "--upstream", f"{scheme}://127.0.0.1:{running.port}/", "--namespace",
            self.namespace, "--insecure", "--draft", draft, "--listen", "127.0.0.1:0",
            "--log-level", "debug", *options]
        if transport == "quic":
            command += ["--transport", "quic"]
        if running.source.catalog:
            command += ["--catalog-track", running.source.catalog]
        self.process = space.start(f"bridge-{draft}-{transport}", command)
        found = self.process.wait_for(r"^listening on http://127\.0\.0\.1:(\d+)$")
        self.web = int(found.group(1))
        self.base = f"http://127.0.0.1:{self.web}/{self.namespace}"

    def request(self, path):
        """Status and body of what the service answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def get(self, path):
        """The same for a path below the broadcast's."""
        return self.request(f"/{self.namespace}/{path}")

    def status(self):
        """What the service says of the broadcast; empty before it knows it."""
        broadcasts = json.loads(self.request("/status.json")[1])["broadcasts"]
        return broadcasts[0] if broadcasts else {}

    def metric(self, name):
        """A counter, summed over all labels."""
        text = self.request("/metrics")[1].decode()
        return sum(
            float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
            if line.startswith((f"moq_egress_{name}{{", f"moq_egress_{name} ")))

    def renditions(self):
        return [
            Rendition(track["name"], track["kind"] == "video")
            for track in self.status().get("tracks", [])]

    def playlist(self, rendition):
        status, body = self.get(f"{rendition}/media.m3u8")
        return body.decode() if status == 200 else ""

    def segments(self, rendition):
        """The names of the whole segments that a playlist lists."""
        return [
            line for line in self.playlist(rendition).splitlines()
            if line and not line.startswith("#")]

    def wait_for_media(self, count=3, seconds=40):
        """Until every rendition lists so many segments; there are video and audio."""
        def listed():
            renditions = self.renditions()
            if {rendition.is_video for rendition in renditions} != {True, False}:
                return False
            return all(len(self.segments(rendition.name)) >= count for rendition in renditions)

        try:
            wait_until(listed, seconds, f"every rendition lists {count} segments")
        except Failed as failure:
            status = self.status()
            raise Failed(f"{failure}; the service is {status.get('state')}, last error: "
                         f"{status.get('lastError') or 'none'}")

    def age(self):
        """Seconds since the process was started."""
        return time.monotonic() - self.process.started
