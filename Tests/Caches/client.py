"""An HTTP/1.1 client with one connection that is kept, quick enough for hundreds of players."""
import asyncio
import zlib


class Broken(Exception):
    """The connection ended in the middle of an answer, or before it."""

    def __init__(self, message, answer=None):
        super().__init__(message)
        self.answer = answer


class Answer:
    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ", 2)[1])
        self.fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.fields[name.lower()] = value.strip()
        self.body = b""

    @property
    def origin(self):
        """Which answer of an origin this is; none for the cache's own."""
        return self.fields.get("x-origin-answer", "")

    @property
    def encoding(self):
        return self.fields.get("content-encoding", "")

    def text(self):
        body = zlib.decompress(self.body, 31) if self.encoding == "gzip" else self.body
        return body.decode()


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self):
        self.transport = None
        self.buffer = bytearray()
        self.waiting = None
        self.is_head = False
        self.answer = None
        self.is_fresh = True

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, error):
        self.transport = None
        self.fail(f"the connection ended: {error or 'closed'}")

    def fail(self, message):
        waiting, self.waiting = self.waiting, None
        if waiting and not waiting.done():
            waiting.set_exception(Broken(message, self.answer))

    def ask(self, request, is_head):
        self.waiting = asyncio.get_running_loop().create_future()
        self.is_head, self.answer = is_head, None
        self.transport.write(request)
        return self.waiting

    def data_received(self, data):
        self.buffer += data
        if self.answer is None:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self.answer = Answer(self.buffer[:end])
            del self.buffer[:end + 4]
            fields = self.answer.fields
            self.is_chunked = fields.get("transfer-encoding") == "chunked"
            self.length = int(fields.get("content-length", 0))
            if self.is_head or self.answer.status in (204, 304):
                self.is_chunked, self.length = False, 0
        if self.take():
            answer, waiting = self.answer, self.waiting
            self.answer = self.waiting = None
            self.is_fresh = False
            if answer.fields.get("connection") == "close":
                self.close()
            if waiting and not waiting.done():
                waiting.set_result(answer)

    def take(self):
        """Moves content that has come to the answer; whether it is whole."""
        if not self.is_chunked:
            if len(self.buffer) < self.length:
                return False
            self.answer.body = bytes(self.buffer[:self.length])
            del self.buffer[:self.length]
            return True
        while (end := self.buffer.find(b"\r\n")) >= 0:
            size = int(self.buffer[:end], 16)
            if len(self.buffer) < end + 2 + size + 2:
                return False
            self.answer.body += self.buffer[end + 2:end + 2 + size]
            del self.buffer[:end + 2 + size + 2]
            if size == 0:
                return True
        return False

    def close(self):
        if self.transport:
            self.transport.abort()
            self.transport = None


class Client:
    """Asks a cache, again on a new connection when the kept one was closed meanwhile."""

    def __init__(self, port, tls, fields):
        self.port, self.tls = port, tls
        self.fields = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.connection = None

    async def get(self, target, fields="", method="GET"):
        request = (f"{method} {target} HTTP/1.1\r\nHost: localhost:{self.port}\r\n"
                   f"{self.fields}{fields}\r\n").encode()
        while True:
            if not self.connection or not self.connection.transport:
                self.connection = await self.connect()
            connection = self.connection
            was_fresh = connection.is_fresh
            try:
                return await connection.ask(request, method == "HEAD")
            except Broken as broken:
                if was_fresh or broken.answer:
                    raise
            except asyncio.CancelledError:
                connection.close()
                raise

    async def connect(self):
        loop = asyncio.get_running_loop()
        try:
            # Hundreds shake hands at once.
            options = {"ssl": self.tls, "server_hostname": "localhost", "ssl_handshake_timeout": 120}
            _, connection = await loop.create_connection(
                Connection, "127.0.0.1", self.port, **(options if self.tls else {}))
        except OSError as error:
            raise Broken(f"no connection: {error}") from None
        return connection

    def close(self):
        if self.connection:
            self.connection.close()
