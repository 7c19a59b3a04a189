"""Origins, and the caches of Config/ in front of them."""
import json
import os
import pathlib
import re
import socket
import ssl

from processes import Failed, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMESPACE = "live/caches"


def free_port():
    """A TCP port that the kernel has just picked."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def edited(path, *edits):
    """A recipe whose lines for editing are replaced, each by the first edit whose pattern is in it.

    An edit is (pattern, replacement) and counts once: what is tested is the file but for these lines.
    """
    edits = list(edits)
    lines = path.read_text().splitlines(keepends=True)
    for index, line in enumerate(lines):
        if not line.endswith("# edit\n"):
            continue
        edit = next((edit for edit in edits if re.search(edit[0], line)), None)
        if edit is None:
            raise Failed(f"{path.name}:{index + 1} is to be edited, and is not: {line.strip()}")
        edits.remove(edit)
        lines[index] = re.sub(*edit, line)
    if edits:
        raise Failed(f"{path.name} has no line for {[pattern for pattern, _ in edits]}")
    return "".join(lines)


class Origin:
    """A bridge, and before it the program that counts."""

    def __init__(self, space, program, upstream, name, part_target, access=""):
        config = space.folder / f"{name}.yml"
        config.write_text(f"server:\n  public-url: https://localhost\n{access}"
                          f"packaging:\n  part-target: {part_target}\n")
        self.name = name
        self.bridge = space.start(f"bridge-{name}", [
            program, "serve", "--config", config, "--upstream", upstream, "--namespace", NAMESPACE,
            "--insecure", "--listen", "127.0.0.1:0"])
        port = self.bridge.wait_for(r"^listening on http://127\.0\.0\.1:(\d+)$").group(1)
        self.log = space.folder / f"{name}.jsonl"
        self.counter = space.start(f"origin-{name}", [
            "python3", ROOT / "Tests/Caches/origin.py", "--name", name, "--port", port,
            "--log", self.log])
        self.port = int(self.counter.wait_for(r"^counting at (\d+)$").group(1))

    def lines(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def kill(self):
        """As by a loss of power: nothing is said."""
        self.counter.kill()
        self.bridge.kill()


def publish(space, program):
    """A publisher, and its URL."""
    media = sorted((ROOT / "Fixtures/Media").glob("*.mp4"))
    publisher = space.start("publisher", [
        program, "publish", *media, "--listen", "127.0.0.1:0", "--namespace", NAMESPACE])
    return publisher, publisher.wait_for(r"^publishing at (\S+)").group(1)


class Cache:
    """A cache that runs; plain HTTP where its port is none of TLS."""

    base = f"/{NAMESPACE}"
    tls_port = None
    secret = "the-secret-of-the-cdn"

    def context(self):
        return ssl.create_default_context(cafile=str(self.space.certificate))

    def wait(self, port, process):
        def accepts():
            if process.process.poll() is not None:
                raise Failed(f"{process.name} ended: {process.tail()}")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_until(accepts, 20, f"{process.name} accepts connections")


class Nginx(Cache):
    name = "nginx"
    # Whole seconds: what may live for one lives until the clock's second but one.
    rounding = 1
    # What goes on to players before it is whole.
    streams = r"\.m4s$"
    # It does not know the length of what came in chunks.
    has_ranges_of_grown = False

    def __init__(self, space, origins, checks_tokens=False):
        self.space = space
        self.port = self.tls_port = free_port()
        self.certificate = space.certificate
        config = space.folder / "nginx.conf"
        folder = space.folder
        user = "user root;" if os.geteuid() == 0 else ""
        config.write_text(edited(
            ROOT / "Config/nginx.conf",
            ("^user .*?;", user), ("^error_log .*?;", "error_log stderr;"),
            (r"127\.0\.0\.1:8080", f"127.0.0.1:{origins[0].port}"),
            (r"127\.0\.0\.1:8081", f"127.0.0.1:{origins[1].port}"),
            (r"127\.0\.0\.1:8080", f"127.0.0.1:{origins[0].port}"),
            ("one of access.origin-secrets", self.secret),
            ("auth_request off;", f"auth_request {'/moq-authorize' if checks_tokens else 'off'};"),
            ("/var/cache/nginx/moq-egress", f"{folder}/nginx-cache"),
            ("listen 443", f"listen 127.0.0.1:{self.port}"), ("live.example.com", "localhost"),
            (r"/\S*privkey.pem", str(space.key)), (r"/\S*fullchain.pem", str(space.certificate)),
            ("/var/log/nginx/moq-egress.log", f"{folder}/nginx-access.txt")))
        self.wait(self.port, space.start("nginx", [
            "nginx", "-p", folder, "-c", config, "-g", f"daemon off; pid {folder}/nginx.pid;"]))


class Varnish(Cache):
    name = "varnish"
    rounding = 0
    streams = "/segment/"
    has_ranges_of_grown = True
    certificate = None

    def __init__(self, space, origins, checks_tokens=False):
        self.space = space
        self.port, self.proxy_port = free_port(), free_port()
        vcl = space.folder / "varnish.vcl"
        host = (r'\.host = "127\.0\.0\.1"', '.host = "127.0.0.1"')
        vcl.write_text(edited(
            ROOT / "Config/varnish.vcl", host, host, host, host, *2 * [('"8080"', f'"{origins[0].port}"')],
            *2 * [('"8081"', f'"{origins[1].port}"')],
            ("one of access.origin-secrets", self.secret),
            ('"no"', '"yes"' if checks_tokens else '"no"')))
        process = space.start("varnish", [
            "varnishd", "-F", "-n", space.folder / "varnish", "-f", vcl, "-s", "malloc,256m",
            "-j", "none", "-p", "feature=+http2", "-p", "thread_pool_max=2000",
            "-a", f"127.0.0.1:{self.port}", "-a", f"127.0.0.1:{self.proxy_port},PROXY"])
        self.wait(self.port, process)

    def start_hitch(self):
        """TLS in front."""
        space = self.space
        self.tls_port = free_port()
        both = space.folder / "all.pem"
        both.write_text(space.key.read_text() + space.certificate.read_text())
        config = space.folder / "hitch.conf"
        config.write_text(edited(
            ROOT / "Config/hitch.conf", (r'"\[\*\]:443"', f'"[127.0.0.1]:{self.tls_port}"'),
            (":6086", f":{self.proxy_port}"),
            ('^user = ".*?"', 'user = "nobody"' if os.geteuid() == 0 else ""),
            ("/etc/ssl/moq-egress/all.pem", str(both))))
        self.wait(self.tls_port, space.start("hitch", ["hitch", f"--config={config}"]))
