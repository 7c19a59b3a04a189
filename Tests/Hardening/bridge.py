"""A publisher and a bridge, and the least that is needed to talk to it."""
import http.client
import pathlib
import re
import socket
import subprocess

from processes import Failed, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
BASE = "/live/hard"


def expect(condition, message):
    if not condition:
        raise Failed(message)


class Bridge:
    """A bridge with a configuration file of these keys below `server:`, and what it serves."""

    def __init__(self, space, program, server="", top="", environment=(), publishes=True):
        self.space = space
        self.config = space.folder / "egress.yml"
        upstream = ""
        if publishes:
            files = sorted((ROOT / "Fixtures/Media").glob("*.mp4"))
            publisher = space.start("publisher", [
                program, "publish", *files, "--listen", "127.0.0.1:0", "--namespace", BASE[1:]])
            port = publisher.wait_for(r"^publishing at moqt://127\.0\.0\.1:(\d+)/").group(1)
            upstream = f"upstream:\n  url: moqt://127.0.0.1:{port}/\n  namespace: {BASE[1:]}\n  insecure: true\n"
        else:
            # Nobody listens on the discard port.
            upstream = "upstream:\n  url: moqt://127.0.0.1:9/\n  namespace: live\n  insecure: true\n"
        self.upstream = upstream
        self.configure(server, top)
        self.process = space.start("bridge", ["env", *environment, program, "serve", "--config", self.config])
        self.port = int(self.process.wait_for(r"^listening on http://127\.0\.0\.1:(\d+)$").group(1))
        self.pid = self.process.process.pid
        if publishes:
            wait_until(lambda: self.get("/readyz")[0] == 200, 20, "ready")

    @property
    def secure_port(self):
        return int(self.process.wait_for(r"^listening on https://127\.0\.0\.1:(\d+)$").group(1))

    def configure(self, server="", top=""):
        lines = "".join(f"  {line}\n" for line in server.splitlines())
        listen = "" if "listen:" in server else "  listen: 127.0.0.1:0\n"
        threads = "" if "threads:" in server else "  threads: 1\n"
        self.config.write_text(f"{self.upstream}server:\n{listen}{threads}{lines}{top}")

    def get(self, path, **fields):
        """Status, fields and content of an answer on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path, headers={k.replace("_", "-"): v for k, v in fields.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def playlist(self, rendition="240p", query=""):
        status, _, body = self.get(f"{BASE}/{rendition}/media.m3u8{query}")
        expect(status == 200, f"{status} for a playlist")
        return body.decode()

    def segments(self, rendition="240p"):
        """Paths of whole segments, oldest first."""
        names = re.findall(r"^[^#].*m4s$", self.playlist(rendition), re.M)
        return [f"{BASE}/{rendition}/{name}" for name in names]

    def metric(self, name):
        text = self.get("/metrics")[2].decode()
        return int(re.search(rf"^moq_egress_{name} (\d+)$", text, re.M).group(1))

    def resident(self):
        """Resident memory, in bytes."""
        return int(pathlib.Path(f"/proc/{self.child()}/statm").read_text().split()[1]) * 4096

    def child(self):
        """The process number of the bridge itself: env has become it."""
        return self.pid

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)


def make_certificate(folder, name, host="localhost", key="ec"):
    """Makes a certificate that is its own authority; paths of it and of its key."""
    chain, secret = folder / f"{name}.pem", folder / f"{name}.key"
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if key == "ec" else ["-newkey", "rsa:2048"]
    subprocess.run(
        ["openssl", "req", "-x509", *kind, "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext",
         f"subjectAltName=DNS:{host},IP:127.0.0.1", "-keyout", secret, "-out", chain],
        check=True, capture_output=True)
    return chain, secret
