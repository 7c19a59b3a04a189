"""A link between a publisher or relay and a bridge that carries little more than the broadcast needs."""
import collections
import select
import socket
import threading
import time

# How long a datagram may wait to be sent; one that would wait longer is dropped, as by a router.
QUEUE_SECONDS = 0.2
# Of IP and UDP.
HEAD_BYTES = 28
LARGEST = 65536


class NarrowLink:
    """Carries datagrams to a port, and back with so many kbit/s, for one client; it ends when it is left."""

    def __init__(self, target, kilobits):
        self.seconds_per_byte = 8 / (kilobits * 1000)
        self.is_broken = self.is_over = False
        self.near, self.far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self.near.bind(("127.0.0.1", 0))
        self.far.connect(("127.0.0.1", target))
        self.port = self.near.getsockname()[1]
        self.thread = threading.Thread(target=self.carry)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()
        self.near.close()
        self.far.close()

    def carry(self):
        client, free, waiting = None, 0, collections.deque()
        while not self.is_over:
            now = time.monotonic()
            while waiting and waiting[0][0] <= now:
                self.near.sendto(waiting.popleft()[1], client)
            patience = min(waiting[0][0] - now, 0.1) if waiting else 0.1
            for found in select.select((self.near, self.far), (), (), patience)[0]:
                if found is self.near:
                    datagram, client = found.recvfrom(LARGEST)
                    if not self.is_broken:
                        self.far.send(datagram)
                    continue
                datagram, start = found.recv(LARGEST), max(time.monotonic(), free)
                if not self.is_broken and start - time.monotonic() <= QUEUE_SECONDS:
                    free = start + (len(datagram) + HEAD_BYTES) * self.seconds_per_byte
                    waiting.append((free, datagram))
