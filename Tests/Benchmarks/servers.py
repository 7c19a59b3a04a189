"""The servers that are measured, and what they cost."""
import errno
import os
import pathlib
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGESIZE")

NGINX = """
worker_processes 1;
worker_rlimit_nofile 20000;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  open_file_cache max=1000 inactive=600s;
  open_file_cache_valid 600s;
  types {{ application/vnd.apple.mpegurl m3u8; video/mp4 m4s; }}
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    root {folder}/files;
    add_header Cache-Control "public, max-age=1";
    add_header Access-Control-Allow-Origin *;
  }}
}}
"""


class Failed(Exception):
    pass


# Free ports that were given away: some are used only after others have been looked for.
given_ports = set()


def free_port(kind=socket.SOCK_STREAM):
    """Below those that the kernel picks: none of the sockets made until it is used gets it."""
    with socket.socket(socket.AF_INET, kind) as probe:
        while True:
            port = random.choice([*{*range(20_000, 32_768)} - given_ports])
            try:
                probe.bind(("127.0.0.1", port))
                given_ports.add(port)
                return port
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise


def fetch(address, path):
    with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
        return answer.read()


def seconds_of(process, threads=""):
    """User and system seconds of the threads whose names begin so."""
    total = 0
    for task in pathlib.Path(f"/proc/{process}/task").iterdir():
        name, _, fields = (task / "stat").read_text().rpartition(") ")
        if name.split("(", 1)[1].startswith(threads):
            total += sum(map(int, fields.split()[11:13]))
    return total / TICKS


def resident_bytes(process):
    return int(pathlib.Path(f"/proc/{process}/statm").read_text().split()[1]) * PAGE


def kernel_bytes():
    """What the kernel holds for sockets and everything else that is not a process's."""
    fields = dict(
        line.split(":") for line in pathlib.Path("/proc/meminfo").read_text().splitlines())
    return 1024 * int(fields["Slab"].split()[0])


class Process:
    def __init__(self, command, **options):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=subprocess.STDOUT, **options)

    @property
    def id(self):
        return self.process.pid

    def output(self):
        self.log.seek(0)
        return self.log.read()

    def wait_for(self, pattern, patience=30):
        end = time.monotonic() + patience
        while time.monotonic() < end:
            found = re.search(pattern, self.output())
            if found:
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise Failed(f"{self.process.args}: no '{pattern}' in\n{self.output()}")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


class Egress:
    """moq-egress with one serving thread, and publishers for it, each of a broadcast.

    `relays` has where datagrams for the first ones are expected, and the publisher of each.
    """

    name = "moq-egress"

    def __init__(self, program, files, broadcasts=1, relays=0, **settings):
        self.publishers, self.relays, self.broadcasts, sources = [], [], [], []
        for index in range(broadcasts):
            namespace = "bench" if broadcasts == 1 else f"bench/{index}"
            publisher = Process(
                [program, "publish", *files, "--namespace", namespace, "--listen", "127.0.0.1:0",
                 "--log-level", "warning"])
            self.publishers.append(publisher)
            self.broadcasts.append(namespace)
            found = publisher.wait_for(r"moqt://(\S+)/ fingerprint (\S+)")
            upstream, fingerprint = found.groups()
            self.upstream = upstream
            if index < relays:
                near = f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
                self.relays.append(f"{near}={upstream}")
                upstream = near
            sources.append(
                f'  - url: "moqt://{upstream}/"\n    namespace: "{namespace}"\n'
                f'    fingerprint: "{fingerprint}"\n')
        self.configuration = tempfile.NamedTemporaryFile("w", suffix=".yml")
        self.configuration.write("sources:\n" + "".join(sources))
        self.configuration.flush()
        environment = {
            "MOQ_EGRESS_" + re.sub("[.-]", "_", key.upper()): str(value)
            for key, value in {"server.threads": 1, **settings}.items()}
        self.process = Process(
            [program, "serve", "--config", self.configuration.name, "--listen", "127.0.0.1:0"],
            env={**os.environ, **environment})
        self.address = self.process.wait_for(r"http://([0-9.]+:[0-9]+)").group(1)
        # What is ignored would be measured as if it were not.
        if "is ignored" in self.process.output():
            raise Failed(self.process.output())

    @property
    def id(self):
        return self.process.id

    def seconds(self):
        """Of the threads that serve: packaging goes on beside them."""
        return seconds_of(self.id, "serve")

    def metric(self, name):
        """The sum of a family of metrics."""
        lines = fetch(self.address, "/metrics").decode().splitlines()
        return sum(
            float(line.split()[-1]) for line in lines
            if re.match(rf"\w*{name}[ {{]", line))

    def media_playlist(self, broadcast="bench", patience=30):
        """The path and the text of the first media playlist, once there is one."""
        end = time.monotonic() + patience
        while True:
            try:
                lines = fetch(self.address, f"/{broadcast}/index.m3u8").decode().splitlines()
                path = f"/{broadcast}/" + next(line for line in lines if line and line[0] != "#")
                return path, fetch(self.address, path).decode()
            except (OSError, StopIteration):
                if time.monotonic() > end:
                    raise Failed(f"no playlist: {self.process.output()}") from None
                time.sleep(0.1)

    def stop(self):
        self.process.stop()
        for publisher in self.publishers:
            publisher.stop()
        self.configuration.close()


class UnreadDatagrams(threading.Thread):
    """Watches a process's UDP sockets; `longest` is for how long one had datagrams, in seconds."""

    def __init__(self, process):
        super().__init__(daemon=True)
        links = (os.readlink(entry.path) for entry in os.scandir(f"/proc/{process}/fd"))
        self.inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
        self.longest, self.looks, self.ended = 0, 0, threading.Event()
        self.start()

    def run(self):
        since = {}
        while not self.ended.wait(0.001):
            self.looks += 1
            now = time.monotonic()
            for line in pathlib.Path("/proc/net/udp").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[9] not in self.inodes:
                    continue
                if fields[4].endswith(":00000000"):
                    since.pop(fields[9], None)
                else:
                    self.longest = max(self.longest, now - since.setdefault(fields[9], now))

    def stop(self):
        self.ended.set()
        self.join()


class Nginx:
    """nginx with one worker, which serves files that it keeps open."""

    name = "nginx"

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self.folder.name)
        (folder / "files").mkdir()
        # The worker runs as nobody when it is started by root.
        folder.chmod(0o755)
        port = free_port()
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
        self.address = f"127.0.0.1:{port}"
        self.process = Process(["nginx", "-c", folder / "nginx.conf"])
        end = time.monotonic() + 10
        while not self.workers():
            if self.process.process.poll() is not None or time.monotonic() > end:
                raise Failed(f"nginx does not start: {self.process.output()}")
            time.sleep(0.05)
        self.id = self.workers()[0]

    def workers(self):
        children = pathlib.Path(f"/proc/{self.process.id}/task/{self.process.id}/children")
        return [int(child) for child in children.read_text().split()]

    def put(self, path, content):
        file = pathlib.Path(self.folder.name, "files", path.lstrip("/"))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def seconds(self):
        return seconds_of(self.id)

    def stop(self):
        self.process.stop()
        self.folder.cleanup()


def warn(text):
    print(text, file=sys.stderr)
