"""What operators and service managers do: reload, drain, stop, watch."""
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import time

from bridge import BASE, ROOT, Bridge, expect, make_certificate
from processes import wait_until


class Manager:
    """The socket of a service manager."""

    def __init__(self, space):
        self.path = space.folder / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.settimeout(20)
        space.callback(self.socket.close)

    def next(self):
        """The next message, but for those that say that all is well."""
        while (text := self.socket.recv(4096).decode()) == "WATCHDOG=1":
            pass
        return text


def signal_to(bridge, number):
    bridge.process.process.send_signal(number)


def ended(bridge, seconds=20):
    expect(bridge.process.process.wait(seconds) == 0, f"it ended with {bridge.process.process.returncode}")


def notify(space, arguments):
    manager = Manager(space)
    bridge = Bridge(
        space, arguments.program, environment=[f"NOTIFY_SOCKET={manager.path}", "WATCHDOG_USEC=200000"],
        publishes=False)
    expect(manager.next() == "READY=1", "it does not say that it is ready")
    expect(manager.socket.recv(4096) == b"WATCHDOG=1", "it does not say that it is alive")
    expect(manager.socket.recv(4096) == b"WATCHDOG=1", "it does not go on saying so")
    signal_to(bridge, signal.SIGHUP)
    text = manager.next()
    expect(re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", text), f"{text} for a reload")
    expect(manager.next() == "READY=1", "it does not say that it is ready again")
    signal_to(bridge, signal.SIGTERM)
    expect(manager.next() == "STOPPING=1", "it does not say that it stops")
    ended(bridge)
    return "ready, alive, reloading, stopping"


def reload(space, arguments):
    bridge = Bridge(space, arguments.program, "head-bytes: 8192", publishes=False)
    long = "x" * 1000
    expect(bridge.get("/healthz", X=long)[0] == 200, "a head of 1,000 bytes is refused")

    bridge.configure("head-bytes: 600\nthreads: 2\nlisten: 127.0.0.1:1", "log-level: debug\n")
    bridge.config.write_text(bridge.config.read_text().replace("  threads: 1\n", ""))
    signal_to(bridge, signal.SIGHUP)
    bridge.process.wait_for(r"the configuration is read again: server.head-bytes, log-level$")
    bridge.process.wait_for(r"these keys change at the next start only: server.listen, server.threads$")
    wait_until(lambda: bridge.get("/healthz", X=long)[0] == 431, 10, "the new limit")

    for text, reason in [
        ("server:\n  head-bites: 700\n", r"unknown key server.head-bites; did you mean server.head-bytes\?"),
        ("server: [", "not YAML"), ("server:\n  head-bytes: 1\n", "not a whole number from 512"),
        (bridge.upstream + "server:\n  certificates: /nowhere.pem:/nowhere.key\n", "/nowhere.pem"),
        ("", "serve needs --upstream"),
    ]:
        bridge.config.write_text(text)
        signal_to(bridge, signal.SIGHUP)
        bridge.process.wait_for(rf"error the configuration stays as it is: .*{reason}")
    bridge.config.unlink()
    signal_to(bridge, signal.SIGHUP)
    bridge.process.wait_for(r"error the configuration stays as it is: .*can't be read")
    expect(bridge.get("/healthz", X=long)[0] == 431, "a bad file changed something")
    expect(bridge.get("/healthz")[0] == 200, "it does not serve any more")
    return "limits and log change, addresses wait, 6 bad files change nothing"


def drain(space, arguments):
    chain, key = make_certificate(space.folder, "own")
    bridge = Bridge(
        space, arguments.program,
        f"listen-tls: 127.0.0.1:0\ncertificates: {chain}:{key}\ndrain-delay: 1.5\nstop-timeout: 20")
    context = ssl.create_default_context(cafile=chain)
    idle = context.wrap_socket(
        socket.create_connection(("127.0.0.1", bridge.secure_port), timeout=20), server_hostname="localhost",
        suppress_ragged_eofs=False)
    # A segment that has just begun, and a reload that waits.
    text = wait_until(lambda: growing(bridge), 20, "a segment that grows")
    segment = open_request(bridge, text)
    number = re.search(r"MEDIA-SEQUENCE:(\d+)", bridge.playlist()).group(1)
    held = open_request(bridge, f"{BASE}/240p/media.m3u8?_HLS_msn={int(number) + bridge.playlist().count('#EXTINF') + 1}")
    wait_until(lambda: bridge.metric("parked") >= 1, 10, "a request that waits")
    started = time.monotonic()
    signal_to(bridge, signal.SIGTERM)
    wait_until(lambda: bridge.get("/readyz")[0] == 503, 1.2, "readyz fails first")
    expect(bridge.get(f"{BASE}/index.m3u8")[0] == 200, "draining does not serve")
    waited = held.recv(65_536)
    expect(time.monotonic() - started > 1, "the held request was answered before the delay was over")
    expect(b" 503 " in waited.split(b"\r\n")[0] or b" 200 " in waited.split(b"\r\n")[0], f"{waited[:60]}")
    expect(idle.recv(1) == b"", "the idle TLS client does not get the end")
    try:
        bridge.connect().close()
        expect(False, "connections are taken after the stop")
    except ConnectionRefusedError:
        pass
    content = b""
    while more := segment.recv(65_536):
        content += more
    expect(content.endswith(b"\r\n0\r\n\r\n"), "the growing segment is broken off")
    ended(bridge)
    return f"readyz, held, growing of {len(content)} bytes, close_notify; {time.monotonic() - started:.1f} s in all"


def growing(bridge):
    """The path of a segment that has begun and not ended, by the hint; none between two."""
    text = bridge.playlist()
    tail = text[text.rfind("#EXTINF"):]
    parts = re.findall(r'#EXT-X-PART:.*?URI="(\w+)/part/(\d+)\.m4s"', tail)
    return f"{BASE}/240p/{parts[0][0]}/segment/{parts[0][1]}.m4s" if parts else None


def open_request(bridge, path):
    connection = bridge.connect()
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    return connection


def twice(space, arguments):
    bridge = Bridge(space, arguments.program, "drain-delay: 300\nstop-timeout: 300", publishes=False)
    signal_to(bridge, signal.SIGTERM)
    bridge.process.wait_for("draining")
    signal_to(bridge, signal.SIGINT)
    ended(bridge)
    return "a second signal ends the drain"


def descriptors(space, arguments):
    bridge = Bridge(space, arguments.program, "connections: 1000000", publishes=False)
    found = bridge.process.wait_for(
        r"warning the limit of open files is (\d+), but server.connections \(1000000\) on 1 threads needs 1000195;"
        r" raise it with LimitNOFILE or ulimit -n, or lower server.connections to (\d+)$")
    return f"limit {found.group(1)}, {found.group(2)} connections fit"


def logs(space, arguments):
    """The access log is opened anew by both signals, even when the configuration can't be used."""
    log = space.folder / "access.log"
    bridge = Bridge(space, arguments.program, top=f"access:\n  log: {log}\n", publishes=False)
    for count, (number, text) in enumerate(
            [(signal.SIGHUP, None), (signal.SIGHUP, "server: ["), (signal.SIGUSR1, None)]):
        bridge.get("/healthz")
        wait_until(lambda: log.exists() and log.stat().st_size, 10, "a line in the log")
        log.rename(space.folder / f"access.log.{count}")
        if text:
            bridge.config.write_text(text)
        signal_to(bridge, number)
        wait_until(log.exists, 10, f"a new log for {number.name}")
    bridge.get("/healthz")
    wait_until(lambda: log.stat().st_size, 10, "a line in the new log")
    return "opened anew three times"


def recording(space, arguments):
    """What is recorded to stays what it is, and a full disk is an error."""
    bridge = Bridge(space, arguments.program)
    port = re.search(r":(\d+)/", bridge.upstream).group(1)

    def record(output, status, namespace=BASE[1:], seconds=2):
        done = subprocess.run(
            [arguments.program, "record", f"moqt://127.0.0.1:{port}/", namespace, "--insecure", "-o", output,
             "--seconds", str(seconds)], capture_output=True, timeout=60)
        expect(done.returncode == status, f"{done.returncode} for {output}: {done.stderr[-200:]}")
        return done

    device = pathlib.Path("/dev/full")
    if os.geteuid() == 0:
        # Root could lose the real one.
        device = space.folder / "full"
        os.mknod(device, stat.S_IFCHR | 0o600, os.makedev(1, 7))
    expect(b"No space left" in record(device, 74).stderr, "a full disk is not said")
    expect(stat.S_ISCHR(device.stat().st_mode), "the device is gone")
    expect(b"can't be written: No such file" in record("/nowhere/x", 71).stderr, "it is not said why")
    done = record("-", 0)
    expect(len(done.stdout) > 100_000 and b"bytes in -" in done.stderr, "standard output has no recording")
    file = space.folder / "nothing"
    expect(b"nothing of live/none came" in record(file, 65, "live/none").stderr, "nothing is taken for something")
    file.write_bytes(done.stdout)
    done = subprocess.run(
        [arguments.program, "replay", file, "live/none", "-o", space.folder / "out"], capture_output=True, timeout=60)
    expect(done.returncode == 65 and b"it has nothing of live/none, but of live/hard" in done.stderr, f"{done.stderr}")
    return "a full device, no folder, standard output, no broadcast"


def files(space, arguments):
    """Configurations that can't be are refused before anything is started."""
    upstream = "upstream:\n  url: moqt://127.0.0.1:9/\n  namespace: live\n"
    cases = [
        ("server:\n  listen-tls: 127.0.0.1:0\n", [], "server.listen-tls needs server.certificates"),
        ("server:\n  public-url: live.example.com\n", [], "'live.example.com' is neither http://HOST nor https://HOST"),
        ("upstream:\n  namespace-separator: //\n", [], "'//' is not one character"),
        (upstream + "server:\n  certificates: /nowhere:/nowhere\n", ["--files"], "open /nowhere: No such file"),
        (upstream + "access:\n  token-keys: /nowhere\n", ["--files"], "open /nowhere: No such file"),
    ]
    for text, options, reason in cases:
        # Through a pipe, as templates are.
        done = subprocess.run(
            [arguments.program, "check-config", "/dev/stdin", *options], input=text, capture_output=True, text=True,
            timeout=60)
        expect(done.returncode == 78 and reason in done.stderr, f"{done.returncode} {done.stderr} for {text}")
    return f"{len(cases)} refused"


# Those of a broadcast whose upstream is not there.
PHASES = [b"connecting", b"reconnecting"]


def told(space, arguments):
    """What operators can know before viewers do."""
    version = subprocess.run([arguments.program, "--version"], capture_output=True, text=True, timeout=60).stdout.strip()
    chain, key = make_certificate(space.folder, "own")
    bridge = Bridge(
        space, arguments.program, f"listen-tls: 127.0.0.1:0\ncertificates: {chain}:{key}\nsocket-mode: 660",
        publishes=False)
    bridge.process.wait_for(rf"warning certificate {chain}:{key} ends at \d{{4}}-")
    bridge.process.wait_for(r"warning server.socket-mode is of no use")
    wait_until(
        lambda: bridge.get("/readyz")[::2] in [(503, b"not ready: live is %s\n" % phase) for phase in PHASES], 20,
        "what is not ready is told")
    signal_to(bridge, signal.SIGHUP)
    wait_until(lambda: bridge.metric(r'reloads_total\{result="used"\}') == 1, 10, "a reload is counted")
    bridge.config.write_text("")
    signal_to(bridge, signal.SIGHUP)
    wait_until(lambda: bridge.metric(r'reloads_total\{result="refused"\}') == 1, 10, "one that failed is counted")
    end = bridge.metric(rf'certificate_end_seconds\{{certificate="{chain}:{key}"\}}')
    expect(abs(end - time.time() - 2 * 86_400) < 120, f"the certificate is said to end at {end}")
    expect(bridge.metric(rf'build_info\{{version="{re.escape(version)}"\}}') == 1, f"{version} is not counted")

    done = subprocess.run(
        [arguments.program, "check-config", "/dev/stdin"], input="quic:\n  keep-alive: 20\n", capture_output=True,
        text=True, timeout=60)
    expect(done.returncode == 0 and "warning: quic.keep-alive (20" in done.stderr, f"{done.returncode} {done.stderr}")
    return f"version {version}, the end of a certificate, settings of no use, reloads, what is not ready"


def streams(space, arguments):
    """Standard streams that are closed are not given to sockets."""
    config = space.folder / "egress.yml"
    config.write_text("upstream:\n  url: moqt://127.0.0.1:9/\n  namespace: live\nserver:\n  listen: 127.0.0.1:0\n")
    process = subprocess.Popen(
        ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", arguments.program, "serve", "--config", config])
    space.callback(process.kill)
    folder = pathlib.Path(f"/proc/{process.pid}/fd")
    wait_until(lambda: len(list(folder.iterdir())) > 8, 20, "it has started")
    names = [os.readlink(folder / str(number)) for number in range(3)]
    expect(names == ["/dev/null"] * 3, f"{names}")
    process.terminate()
    expect(process.wait(20) == 0, f"it ended with {process.returncode}")
    return "/dev/null takes their place"


def unit(space, arguments):
    """The unit is one that systemd reads; the program it names need not be installed here."""
    if not shutil.which("systemd-analyze"):
        return "SKIPPED: there is no systemd-analyze"
    text = (ROOT / "Config/moq-egress.service").read_text()
    file = space.folder / "moq-egress.service"
    file.write_text(text.replace("/usr/local/bin/moq-egress", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True, timeout=60)
    expect(done.returncode == 0 and not done.stderr, done.stderr)
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", file], capture_output=True, text=True,
        timeout=60)
    expect(done.returncode == 0, done.stdout[-200:])
    return re.search(r"Overall exposure level.*: ([\d.]+)", done.stdout).group(1)


CASES = [
    ("systemd unit", unit), ("service manager", notify), ("reload", reload), ("drain", drain), ("stop twice", twice),
    ("descriptors", descriptors), ("logs", logs), ("recording", recording), ("configuration files", files),
    ("what is told", told),
    ("closed streams", streams)]
