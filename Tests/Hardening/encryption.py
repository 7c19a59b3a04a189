"""TLS as a scanner sees it, and certificates that change under load."""
import concurrent.futures
import contextlib
import hashlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

from bridge import BASE, Bridge, expect, make_certificate
from processes import wait_until

# RFC 7905, 5288, 5289 and 8446: forward secrecy and authenticated encryption.
GOOD = re.compile(r"TLS_(AES_128_GCM_SHA256|AES_256_GCM_SHA384|CHACHA20_POLY1305_SHA256)|"
                  r"ECDHE-(ECDSA|RSA)-(AES128-GCM-SHA256|AES256-GCM-SHA384|CHACHA20-POLY1305)")


def s_client(port, *arguments, text="", seconds=10):
    """What openssl says of a connection."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *arguments], input=text, capture_output=True,
        text=True, errors="replace", timeout=seconds, env={**os.environ, "OPENSSL_CONF": "/dev/null"})
    return done.stdout + done.stderr


def agreed(said):
    """The cipher of a handshake that came about; none when there was none."""
    found = re.search(r"^New, (\S+), Cipher is (\S+)", said, re.M)
    return found and found.group(2) not in ("(NONE)", "0000") and found.group(2)


def start(space, arguments, **more):
    pairs = [make_certificate(space.folder, "curve"), make_certificate(space.folder, "rsa", "rsa.example", "rsa")]
    listed = " ".join(f"{chain}:{key}" for chain, key in pairs)
    return Bridge(
        space, arguments.program, f"listen-tls: 127.0.0.1:0\ncertificates: {listed}", publishes=False, **more)


def scanner(space, arguments):
    bridge = start(space, arguments)
    port = bridge.secure_port
    said = s_client(port, "-tls1_3")
    expect(agreed(said), "TLS 1.3 is not spoken")
    expect("Compression: NONE" in said and "Early data was not sent" in said, "compression or early data")
    said = s_client(port, "-tls1_2")
    expect(GOOD.fullmatch(agreed(said) or ""), "TLS 1.2 is not spoken")
    expect("Secure Renegotiation IS supported" in said, "no protection from renegotiation of others")
    for version in ("-tls1_1", "-tls1"):
        said = s_client(port, version, "-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0")
        expect(not agreed(said), f"{version} is spoken")
    # SSL 3 and 2 are hellos that openssl no longer sends.
    for hello in (bytes.fromhex("160300002f0100002b0300") + bytes(32) + bytes.fromhex("000004002f00ff0100"),
                  bytes.fromhex("802e0100020015000000100100800200800300800400800500800600400700c0") + bytes(16)):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as old:
            old.sendall(hello)
            answer = old.recv(4096)
            expect(not answer or answer[0] == 0x15, f"a hello of SSL is answered with {answer[:5].hex()}")

    names = subprocess.run(
        ["openssl", "ciphers", "-s", "-tls1_2", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], capture_output=True,
        text=True, check=True).stdout.strip().split(":")
    names = [name for name in names if not name.startswith("TLS_")]

    def one(name):
        return [
            (name, server, bool(agreed(s_client(
                port, "-tls1_2", "-cipher", f"{name}:@SECLEVEL=0", "-servername", server))))
            for server in ("localhost", "rsa.example")
            # The other certificate has no such key.
            if arguments.full or (server == "localhost") == ("ECDSA" in name)]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = [result for found in pool.map(one, names) for result in found]
    taken = {name for name, _, is_taken in results if is_taken}
    wanted = {name for name in names if GOOD.fullmatch(name)}
    expect(taken == wanted, f"taken and weak: {sorted(taken - wanted)}; refused and good: {sorted(wanted - taken)}")

    said = s_client(port, "-tls1_2", text="R\n")
    expect("no renegotiation" in said, "a client can renegotiate")
    return f"{len(names)} ciphers of TLS 1.2, {len(taken)} are taken: {', '.join(sorted(taken))}"


def handshakes(space, arguments):
    bridge = start(space, arguments)
    port = bridge.secure_port
    for name, subject in (("localhost", "curve"), ("rsa.example", "rsa"), ("unknown.example", "curve")):
        said = s_client(port, "-servername", name)
        expect(f"subject=CN = {subject}" in said, f"another certificate for {name}")
    expect("subject=CN = curve" in s_client(port, "-noservername"), "no certificate without a name")
    expect("ALPN protocol: http/1.1" in s_client(port, "-alpn", "h2,http/1.1"), "http/1.1 is not agreed on")
    expect("No ALPN negotiated" in s_client(port), "a protocol is agreed on that nobody offered")
    said = s_client(port, "-alpn", "h2")
    expect("no application protocol" in said and not agreed(said), "who speaks h2 alone is not refused")
    expect("OCSP response: no response sent" in s_client(port, "-status"), "OCSP")
    for version in ("-tls1_2", "-tls1_3"):
        file = space.folder / f"session{version}"
        request = "GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        said = s_client(port, version, "-sess_out", file, "-ign_eof", text=request)
        expect("\nNew, " in said and " 200 OK" in said, "no answer")
        said = s_client(port, version, "-sess_in", file, "-ign_eof", text=request)
        expect("\nReused, " in said and " 200 OK" in said, f"a session is not resumed by {version}")
    curl = shutil.which("curl")
    for maximum, status in (("1.1", 35), ("1.2", 0), ("1.3", 0)):
        done = subprocess.run(
            [curl, "-s", "-o", "/dev/null", "--cacert", space.folder / "curve.pem", "--tls-max", maximum,
             "--ciphers", "DEFAULT@SECLEVEL=0", f"https://localhost:{port}/healthz", "--resolve",
             f"localhost:{port}:127.0.0.1"], timeout=20)
        expect(done.returncode == status, f"curl ends with {done.returncode} at TLS {maximum}")
    expect(bridge.metric("tls_failures_total") >= 2 and bridge.metric("tls_resumptions_total") == 2, "metrics")
    return "names, ALPN, OCSP, resumption, curl"


def updates(space, arguments):
    """Keys are renewed as often as anybody needs, and not by the thousand."""
    bridge = start(space, arguments)

    def renew(count):
        """How many updates of keys were sent, and what came of a request behind them."""
        shown, sent = space.folder / "shown", 0
        # Who is cut finds nobody to say the rest to.
        with contextlib.suppress(BrokenPipeError), open(shown, "w") as file, subprocess.Popen(
                ["openssl", "s_client", "-connect", f"127.0.0.1:{bridge.secure_port}", "-tls1_3"], text=True,
                stdin=subprocess.PIPE, stdout=file, stderr=subprocess.PIPE, errors="replace") as client:
            # It takes one command from each read, and tells of it there.
            for _ in range(count):
                client.stdin.write("K\n")
                client.stdin.flush()
                while (line := client.stderr.readline()) and line != "KEYUPDATE\n":
                    pass
                if not line:
                    break
                sent += 1
            client.stdin.write("GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            client.stdin.flush()
            client.stderr.read()
        return sent, shown.read_text(errors="replace")

    sent, said = renew(50)
    expect(sent == 50 and " 200 OK" in said, f"{sent} updates of keys, then {said}")
    sent, said = renew(1000)
    expect(sent < 1000 and " 200 OK" not in said, f"{sent} updates of keys are taken")
    failures = bridge.metric("tls_failures_total")
    expect(failures == 1, f"{failures} failures are counted")
    return f"50 updates of keys are taken, {sent} are not"


class Viewer(threading.Thread):
    """Keeps one connection, asks for media and waits in reloads, until told to stop."""

    def __init__(self, bridge, context, holds):
        super().__init__(daemon=True)
        self.bridge, self.context, self.holds = bridge, context, holds
        self.answers, self.failure = 0, ""
        self.is_stopping = False

    def run(self):
        try:
            raw = socket.create_connection(("127.0.0.1", self.bridge.secure_port), timeout=30)
            with self.context.wrap_socket(raw, server_hostname="localhost") as connection:
                file = connection.makefile("rb")
                position = None
                while not self.is_stopping:
                    path = f"{BASE}/240p/media.m3u8"
                    if self.holds and position is not None:
                        path += f"?_HLS_msn={position}"
                    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
                    text = self.read(file)
                    first = int(re.search(r"MEDIA-SEQUENCE:(\d+)", text).group(1))
                    position = first + text.count("#EXTINF")
                    self.answers += 1
                    if not self.holds:
                        time.sleep(0.02)
        except Exception as error:
            self.failure = repr(error)

    @staticmethod
    def read(file):
        status = file.readline()
        expect(b" 200 " in status, f"{status}")
        length = 0
        while (line := file.readline().strip()):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return file.read(length).decode()


def swapped(space, arguments):
    pairs = {name: make_certificate(space.folder, name) for name in ("first", "second")}
    chain, key = space.folder / "now.pem", space.folder / "now.key"

    def put(name):
        shutil.copy(pairs[name][0], chain)
        shutil.copy(pairs[name][1], key)

    put("first")
    bridge = Bridge(space, arguments.program, f"listen-tls: 127.0.0.1:0\ncertificates: {chain}:{key}")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    count = 100 if arguments.full else 60
    viewers = [Viewer(bridge, context, holds=index % 2 == 0) for index in range(count)]
    for viewer in viewers:
        viewer.start()
    wait_until(lambda: all(viewer.answers or viewer.failure for viewer in viewers), 30, "all viewers have begun")
    for turn in range(20):
        name = ("second", "first")[turn % 2]
        put(name)
        bridge.process.process.send_signal(signal.SIGHUP)
        wanted = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pairs[name][0].read_text())).digest()

        def shown():
            with socket.create_connection(("127.0.0.1", bridge.secure_port), timeout=20) as raw:
                with context.wrap_socket(raw) as connection:
                    return hashlib.sha256(connection.getpeercert(True)).digest() == wanted

        wait_until(shown, 10, f"the new certificate of reload {turn + 1}")
    before = sum(viewer.answers for viewer in viewers)
    wait_until(lambda: sum(viewer.answers for viewer in viewers) > before + count, 20, "answers after the last")
    for viewer in viewers:
        viewer.is_stopping = True
    for viewer in viewers:
        viewer.join(30)
    failures = [viewer.failure for viewer in viewers if viewer.failure]
    expect(not failures, f"{len(failures)} connections broke: {failures[:3]}")
    expect(bridge.metric("tls_failures_total") == 0, "handshakes failed")
    return f"{count} connections, {sum(viewer.answers for viewer in viewers)} answers, 20 reloads, none broke"


CASES = [("TLS scanner", scanner), ("TLS handshakes", handshakes), ("TLS key updates", updates),
         ("certificates under load", swapped)]
