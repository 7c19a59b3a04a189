"""Hostile clients beside honest ones: all honest ones are served, what the hostile cost is bounded and counted."""
import json
import pathlib
import re
import resource
import selectors
import socket
import statistics
import subprocess
import time

from bridge import BASE, Bridge, expect
from processes import wait_until

MEGABYTE = 1 << 20
LIMITS = "head-timeout: 2\nidle-timeout: 4\ndrain-timeout: 2\nresponse-timeout: 6\nconnections: 4000"


def raise_limit():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def connect(port, smallest=False):
    connection = socket.socket()
    if smallest:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        # Segments of loopback are so large that a kernel would take whole answers.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    connection.settimeout(10)
    connection.connect(("127.0.0.1", port))
    connection.setblocking(False)
    return connection


def run_load(arguments, *words):
    """The load client's command for a bridge; its last line is JSON."""
    return [str(word) for word in (pathlib.Path(arguments.program).with_name("moq-egress-load"), *words)]


def ask(arguments, bridge, path, viewers, seconds):
    """p99 in milliseconds of viewers that ask for a playlist once a second each, all of which are answered."""
    done = subprocess.run(
        run_load(arguments, "ask", "--server", f"127.0.0.1:{bridge.port}", "--path", path, "--clients", viewers,
                 "--seconds", seconds), capture_output=True, text=True, check=False)
    expect(done.returncode == 0, f"an honest request failed: {done.stderr}")
    figures = json.loads(done.stdout.splitlines()[-1])
    # A machine that is busy with other things asks late, and then less often.
    expect(figures["waiting"] >= viewers, f"only {figures['waiting']} honest answers")
    return figures["p99"]


def slow_and_deaf(space, arguments):
    """Honest viewers with and without attackers in turn; first as it is by default, then where all are cut soon."""
    if not arguments.full:
        return attack_in_turn(space, arguments, LIMITS, 150, 60, 3, 1)
    return "; ".join(
        f"{name}: " + attack_in_turn(space, arguments, limits, 1000, 500, 10, rounds)
        for name, limits, rounds in (("limits as they are", "connections: 4000", 16), ("cut after 2 s", LIMITS, 8)))


def attack_in_turn(space, arguments, limits, count, viewers, seconds, rounds):
    bridge = Bridge(space, arguments.program, limits + "\nthreads: 2")
    wait_until(lambda: len(bridge.segments("720p")) >= 2, 30, "segments")
    path = f"{BASE}/720p/media.m3u8"

    def attack():
        before = bridge.resident()
        before_cut = [bridge.metric(f"{name}_clients_total") for name in ("timed_out", "slow")]
        targets = [word for target in bridge.segments("720p") for word in ("--path", target)]
        attackers = space.start("attackers", run_load(
            arguments, "attack", "--server", f"127.0.0.1:{bridge.port}", "--slow", count, "--deaf", count, *targets))
        attackers.wait_for('"standing"', 60)
        # From here on some are cut all the time.
        wait_until(lambda: bridge.metric("slow_clients_total") > before_cut[1], 60, "attackers are cut")
        figure = ask(arguments, bridge, path, viewers, seconds)
        for name, known in zip(("timed_out", "slow"), before_cut):
            wait_until(
                lambda: bridge.metric(f"{name}_clients_total") >= known + count, 60, f"{name} clients are cut and counted")
        most = bridge.resident()
        # The server counts first and closes then.
        attackers.wait_for('"cut"', 30)
        attackers.process.terminate()
        cut = [int(number) for number in attackers.wait_for(r'"slow": (\d+), "deaf": (\d+)').groups()]
        expect(min(cut) >= count, f"attackers saw {cut} cuts")
        # A connection may hold one answer, whose media is shared; what is its own is little.
        own = (most - before) / (2 * count)
        expect(own < 64 * 1024, f"{own / 1024:.0f} KiB for each attacker")
        wait_until(lambda: bridge.metric("connections") < 50, 30, "all attackers are gone")
        return cut, own, figure

    # What is compared varies more from minute to minute than between the two: many short turns tell most.
    pairs, total = [], [0, 0]
    for _ in range(rounds):
        alone = ask(arguments, bridge, path, viewers, seconds)
        cut, own, figure = attack()
        total = [a + b for a, b in zip(total, cut)]
        pairs.append((alone, figure))
    without, beside = (statistics.median(figures) for figures in zip(*pairs))
    return (f"{count} slow heads and {count} deaf clients cut {total[0]} and {total[1]} times beside {viewers} viewers, "
            f"last {own / 1024:.1f} KiB each; p99 ms without/with "
            f"{' '.join(f'{a:.2f}/{b:.2f}' for a, b in pairs)}, medians {without:.2f}/{beside:.2f} "
            f"({100 * (beside / without - 1):+.0f} %), "
            f"median of the rises {statistics.median(100 * (b / a - 1) for a, b in pairs):+.0f} %")


def pipelines(space, arguments):
    count, requests = (200, 5000) if arguments.full else (20, 500)
    bridge = Bridge(space, arguments.program, LIMITS, publishes=False)
    before = bridge.resident()
    flood = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n" * requests
    connections = [connect(bridge.port) for _ in range(count)]
    selector = selectors.DefaultSelector()
    rest, answers = {}, dict.fromkeys(connections, 0)
    for connection in connections:
        rest[connection] = memoryview(flood)
        selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
    deadline = time.monotonic() + 120
    while selector.get_map() and time.monotonic() < deadline:
        for key, events in selector.select(1):
            connection = key.fileobj
            if events & selectors.EVENT_WRITE:
                try:
                    rest[connection] = rest[connection][connection.send(rest[connection]):]
                except BlockingIOError:
                    pass
                if not rest[connection]:
                    selector.modify(connection, selectors.EVENT_READ)
            if events & selectors.EVENT_READ:
                answers[connection] += connection.recv(1 << 20).count(b"HTTP/1.1 200 ")
                if answers[connection] >= requests:
                    selector.unregister(connection)
        expect(bridge.get("/healthz")[0] == 200, "others are not served")
    # A head that is cut by the end of a read is not seen.
    answered = sum(answers.values())
    expect(answered >= 0.99 * count * requests or not selector.get_map(), f"{answered} answers of {count * requests}")
    grown = (bridge.resident() - before) / MEGABYTE
    expect(grown < 40, f"{grown:.0f} MiB more")
    return f"{count} connections with {requests} requests at once each, {grown:.1f} MiB"


def connections(space, arguments):
    most = 4000 if arguments.full else 200
    bridge = Bridge(space, arguments.program, LIMITS.replace("4000", str(most)), publishes=False)
    raise_limit()
    loyal = bridge.connect()
    flood = []
    for _ in range(most + most // 2):
        try:
            flood.append(connect(bridge.port))
        except OSError:
            pass
        if len(flood) % 100 == 0:
            loyal.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            expect(b" 200 OK" in loyal.recv(4096), "who was there first is not served")

    def refused():
        loyal.sendall(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n")
        head, _, body = read_answer(loyal)
        return int(re.search(rb"^moq_egress_connections_refused_total (\d+)$", body, re.M).group(1))

    wait_until(lambda: refused() >= most // 2 - 1, 20, "the flood is refused and counted")
    said = refused()
    for connection in flood:
        connection.close()
    wait_until(lambda: bridge.metric("connections") < 10, 20, "the flood is over")
    # Those that stay and say nothing are cut.
    silent = [connect(bridge.port) for _ in range(most // 2)]
    wait_until(lambda: bridge.metric("timed_out_clients_total") >= most // 2, 20, "silent ones are cut and counted")
    return f"{len(flood)} connections at once, {said} refused; {len(silent)} silent ones cut"


def read_answer(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65_536)
    head, found, body = data.partition(b"\r\n\r\n")
    length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
    while len(body) < length:
        body += connection.recv(65_536)
    return head, found, body


def pinned(space, arguments):
    """Clients that take just enough of each segment: they hold media that has left the window."""
    count, seconds = (400, 90) if arguments.full else (40, 5)
    bridge = Bridge(
        space, arguments.program,
        "drain-timeout: 2\ndrain-bytes: 1\nresponse-timeout: 3\nhead-timeout: 5\nconnections: 4000",
        "packaging:\n  window: 6\n  segment-target: 1\n")
    wait_until(lambda: len(bridge.segments("720p")) >= 3, 30, "segments")
    time.sleep(0 if not arguments.full else 20)
    before, started, most = bridge.resident(), time.monotonic(), 0
    takers = []
    while time.monotonic() - started < seconds:
        paths = bridge.segments("720p")
        while len(takers) < count:
            connection = connect(bridge.port, smallest=True)
            connection.send(f"GET {paths[-1]} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            takers.append(connection)
        for connection in list(takers):
            try:
                if not connection.recv(64):
                    takers.remove(connection)
            except BlockingIOError:
                pass
            except OSError:
                takers.remove(connection)
        most = max(most, bridge.resident())
        time.sleep(0.2)
    cut = bridge.metric("slow_clients_total")
    expect(cut >= count, f"only {cut} were cut")
    for connection in takers:
        connection.close()
    grown = (most - before) / MEGABYTE
    # 720p has some 0.3 MB a second: 12 s are held, 3 s may be pinned.
    expect(grown < 24, f"{grown:.0f} MiB more")
    return f"{count} that take 64 bytes at a time, {cut} cut in {seconds} s, at most {grown:.1f} MiB more"


def ranges(space, arguments):
    bridge = Bridge(space, arguments.program, LIMITS)
    wait_until(lambda: bridge.segments("720p"), 30, "segments")
    path = bridge.segments("720p")[-1]
    whole = bridge.get(path)[2]
    before = bridge.resident()
    many = "bytes=" + ",".join("0-" for _ in range(1000))
    for _ in range(200 if arguments.full else 30):
        status, _, body = bridge.get(path, Range=many)
        expect(status == 200 and body == whole, f"{status} and {len(body)} bytes for a thousand ranges")
        status, _, body = bridge.get(path, Range="bytes=0-,0-,0-,5-2,-1")
        expect(status == 200 and len(body) == len(whole), "ranges that overlap are multiplied")
        status, fields, body = bridge.get(path, Range="bytes=-1")
        expect(status == 206 and body == whole[-1:], f"{status} for the last byte")
    grown = (bridge.resident() - before) / MEGABYTE
    expect(grown < 24, f"{grown:.0f} MiB more")
    return f"overlapping and a thousand ranges are answered once, {grown:.1f} MiB"


CASES = [
    ("slow and deaf clients", slow_and_deaf), ("pipelined floods", pipelines), ("floods of connections", connections),
    ("pinned media", pinned), ("ranges", ranges)]
