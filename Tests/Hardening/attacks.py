"""Hostile clients beside honest ones: all honest ones are served, what the hostile cost is bounded and counted."""
import multiprocessing
import os
import re
import resource
import select
import selectors
import socket
import statistics
import time

from bridge import BASE, Bridge, expect
from processes import wait_until

MEGABYTE = 1 << 20
LIMITS = "head-timeout: 2\nidle-timeout: 4\ndrain-timeout: 2\nresponse-timeout: 6\nconnections: 4000"


def raise_limit():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Crowd:
    """A function in a process of its own; what it returns comes from `end`."""

    def __init__(self, space, body, *arguments):
        self.stop, self.ready, self.result = (
            multiprocessing.Event(), multiprocessing.Event(), multiprocessing.SimpleQueue())
        self.process = multiprocessing.Process(
            target=lambda: self.result.put(body(self.stop, self.ready, *arguments)), daemon=True)
        self.process.start()
        space.callback(self.process.kill)

    def begin(self, seconds=60):
        expect(self.ready.wait(seconds), "a crowd does not come about")
        return self

    def end(self):
        self.stop.set()
        result = self.result.get()
        self.process.join(20)
        return result


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


def honest(stop, ready, port, count, path, unnoted):
    """Viewers that ask for a playlist once a second each, evenly; latencies and what went wrong.

    Of the first `unnoted` seconds there are no latencies: all have just come at once then.
    """
    raise_limit()
    selector, latencies, failures = selectors.DefaultSelector(), [], []
    connections = [connect(port) for _ in range(count)]
    asked, received = {}, {}
    for connection in connections:
        selector.register(connection, selectors.EVENT_READ)
    request = f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
    started, turn = time.monotonic(), 0
    ready.set()

    def take(connection):
        try:
            data = connection.recv(262_144)
        except BlockingIOError:
            return
        except OSError as error:
            data, reason = b"", repr(error)
        else:
            reason = "closed"
        if not data:
            if connection in asked:
                failures.append(reason)
            selector.unregister(connection)
            connections.remove(connection)
            return
        received[connection] = received.get(connection, b"") + data
        whole = received[connection]
        head, found, body = whole.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
        if len(body) < length:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            failures.append(head.split(b"\r\n")[0].decode())
        since = asked.pop(connection)
        if since >= started + unnoted:
            latencies.append(time.monotonic() - since)
        received[connection] = b""

    while not stop.is_set() or asked:
        now = time.monotonic()
        while not stop.is_set() and connections and started + turn / count <= now:
            connection = connections[turn % len(connections)]
            turn += 1
            if connection not in asked:
                asked[connection] = time.monotonic()
                try:
                    connection.send(request)
                except OSError as error:
                    failures.append(repr(error))
                    del asked[connection]
        for key, _ in selector.select(max(0, min(0.05, started + turn / count - time.monotonic()))):
            take(key.fileobj)
        if stop.is_set() and now > started + 600:
            break
    return latencies, failures


def stand(stop, ready, count, make, events, speak=None):
    """Keeps `count` connections that `make(index)` makes; how many were cut.

    One that is cut comes again within milliseconds, not with others in a burst, and `speak` has one after the other its
    turn within half a second. This runs at the lowest priority: real attackers have processors of their own.
    """
    raise_limit()
    os.nice(19)
    poll, connections, indices, cut, turn = select.epoll(), [None] * count, {}, 0, 0

    def begin(index):
        connection = connections[index] = make(index)
        indices[connection.fileno()] = index
        poll.register(connection, events)

    for index in range(count):
        begin(index)
    ready.set()
    started = time.monotonic()
    while not stop.is_set():
        time.sleep(0.001)
        for descriptor, _ in poll.poll(0, 2):
            index = indices.pop(descriptor)
            poll.unregister(descriptor)
            connections[index].close()
            cut += 1
            begin(index)
        due = int((time.monotonic() - started) * count / 0.5) if speak else turn
        # On a machine that is busy with other things turns are left out: who was cut comes first.
        for turn in range(max(turn, due - 64), due):
            try:
                speak(connections[turn % count])
            except OSError:
                # It is cut, which the next look at all of them tells.
                pass
        turn = due
    return cut


def slow_heads(stop, ready, port, count):
    """Heads that come a byte now and then; how many were cut."""
    return stand(
        stop, ready, count, lambda index: connect(port), select.EPOLLIN | select.EPOLLRDHUP,
        lambda connection: connection.send(b"G"))


def deaf(stop, ready, port, count, paths, pipelined):
    """Clients that ask for media and never read; how many were cut."""
    def ask(index):
        connection = connect(port, smallest=True)
        path = paths[index % len(paths)]
        connection.send(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode() * pipelined)
        return connection

    # What is in the way is seen without reading: the other side has closed, or reset.
    return stand(stop, ready, count, ask, select.EPOLLRDHUP)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000


def slow_and_deaf(space, arguments):
    """Attackers of one bridge, and honest viewers of it and of another one.

    All share a machine. What attackers cost it by being there is seen at the other bridge at the same time; what is
    worse at the one that is attacked, the attack has done to it.
    """
    count, viewers, unnoted, seconds, rounds = (1000, 500, 2, 20, 6) if arguments.full else (150, 60, 1, 3, 1)
    limits = LIMITS + "\nthreads: 2"
    bridges = [Bridge(space, arguments.program, limits) for _ in range(2)]
    for bridge in bridges:
        wait_until(lambda: len(bridge.segments("720p")) >= 2, 30, "segments")

    def watch():
        crowds = [
            Crowd(space, honest, bridge.port, viewers, f"{BASE}/720p/media.m3u8", unnoted).begin() for bridge in bridges]
        time.sleep(unnoted + seconds)
        figures = []
        for crowd in crowds:
            latencies, failures = crowd.end()
            expect(not failures, f"{len(failures)} honest requests failed: {failures[:3]}")
            # A machine that is busy with other things asks late, and then less often.
            expect(len(latencies) >= viewers, f"only {len(latencies)} honest answers")
            figures.append(percentile(latencies, 0.99))
        return figures

    def attack(bridge):
        before = bridge.resident()
        before_cut = [bridge.metric(f"{name}_clients_total") for name in ("timed_out", "slow")]
        heads = Crowd(space, slow_heads, bridge.port, count).begin()
        takers = Crowd(space, deaf, bridge.port, count, bridge.segments("720p"), 16).begin()
        figures = watch()
        for name, known in zip(("timed_out", "slow"), before_cut):
            wait_until(
                lambda: bridge.metric(f"{name}_clients_total") >= known + count, 60, f"{name} clients are cut and counted")
        most = bridge.resident()
        cut = heads.end(), takers.end()
        expect(min(cut) >= count, f"attackers saw {cut} cuts")
        # A connection may hold one answer, whose media is shared; what is its own is little.
        own = (most - before) / (2 * count)
        expect(own < 64 * 1024, f"{own / 1024:.0f} KiB for each attacker")
        wait_until(lambda: bridge.metric("connections") < 50, 30, "all attackers are gone")
        return cut, own, figures

    alone, rises, over, texts, total = watch(), [], [], [], [0, 0]
    for turn in range(rounds):
        victim = turn % 2
        cut, own, figures = attack(bridges[victim])
        total = [a + b for a, b in zip(total, cut)]
        rises.append(100 * (figures[victim] / figures[1 - victim] - 1))
        over.append(100 * (figures[victim] / alone[victim] - 1))
        texts.append(f"{figures[victim]:.2f}/{figures[1 - victim]:.2f}")
    return (f"{count} slow heads and {count} deaf clients cut {total[0]} and {total[1]} times beside {viewers} viewers, "
            f"last {own / 1024:.1f} KiB each; p99 ms before {alone[0]:.2f} and {alone[1]:.2f}, "
            f"attacked/other {' '.join(texts)}, median {statistics.median(rises):+.0f} %, "
            f"{statistics.median(over):+.0f} % over what it was before")


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
