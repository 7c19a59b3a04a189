"""Stands before one origin and writes down what a cache asks of it.

Every answer is given a field X-Origin-Answer, by which players can say which of them they were served. The
log has one line of JSON when a request has come, one when all of its answer is known and all but the end of
it is written, and one when that is sent: whenever this process is killed, what a cache has whole is known.
A short answer goes out by one write, as from the origin: a kill must not leave its head without its content.
"""
import argparse
import asyncio
import hashlib
import itertools
import json
import os
import time
import zlib

LIMIT = 1 << 16


def fields_of(head):
    pairs = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:] if line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


class Digest:
    """SHA-256 of content as it was sent, and without its gzip."""

    def __init__(self, is_gzip):
        self.sent, self.plain = hashlib.sha256(), hashlib.sha256()
        self.inflate = zlib.decompressobj(31).decompress if is_gzip else lambda data: data

    def add(self, data):
        self.sent.update(data)
        self.plain.update(self.inflate(data))


class Origin:
    def __init__(self, name, port, log):
        self.name, self.port = name, port
        self.numbers = itertools.count(1)
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(self, **line):
        # In one write: this process may be killed at any time.
        os.write(self.log, (json.dumps(line) + "\n").encode())

    async def serve(self, reader, writer):
        inner = None
        try:
            inner = await asyncio.open_connection("127.0.0.1", self.port, limit=LIMIT)
            goes_on = True
            while goes_on:
                head = await reader.readuntil(b"\r\n\r\n")
                goes_on = await self.exchange(head, writer, *inner)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            for stream in (writer, inner and inner[1]):
                if stream:
                    stream.close()

    async def exchange(self, head, writer, inner_reader, inner_writer):
        """One request and its answer; whether the connection is kept."""
        method, target, _ = head.decode("latin-1").split("\r\n")[0].split(" ")
        answer = f"{self.name}-{next(self.numbers)}"
        self.note(asked=answer, method=method, target=target, at=time.monotonic(),
                  fields=fields_of(head))
        inner_writer.write(head)
        first = await inner_reader.readuntil(b"\r\n\r\n")
        fields = fields_of(first)
        status = int(first.split(b" ")[1])
        begun = time.monotonic()
        end = first[:-2] + f"X-Origin-Answer: {answer}\r\n\r\n".encode()
        digest = Digest(fields.get("content-encoding") == "gzip")
        if method != "HEAD" and status not in (204, 304):
            if fields.get("transfer-encoding") == "chunked":
                writer.write(end)
                end = await self.pass_chunks(inner_reader, writer, digest)
            else:
                end = await self.pass_bytes(inner_reader, writer, end, int(fields["content-length"]), digest)
        self.note(answered=answer, status=status, fields=fields, begun=begun, at=time.monotonic(),
                  sent=digest.sent.hexdigest(), plain=digest.plain.hexdigest())
        writer.write(end)
        await writer.drain()
        self.note(ended=answer)
        return fields.get("connection") != "close"

    async def pass_bytes(self, reader, writer, head, count, digest):
        """Passes the head and all but the end of the content, which it returns: all of what is short."""
        waiting = head
        while count:
            data = await reader.read(min(count, LIMIT))
            if not data:
                raise asyncio.IncompleteReadError(b"", count)
            digest.add(data)
            count -= len(data)
            if len(waiting) + len(data) > LIMIT:
                writer.write(waiting)
                waiting = b""
            waiting += data
        return waiting

    async def pass_chunks(self, reader, writer, digest):
        """Passes all chunks but the last, the empty one, which it returns."""
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line, 16)
            data = await reader.readexactly(size + 2)
            if not size:
                return line + data
            writer.write(line + data)
            digest.add(data[:-2])


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", type=int, required=True, help="where the origin listens")
    parser.add_argument("--log", required=True)
    arguments = parser.parse_args()
    origin = Origin(arguments.name, arguments.port, arguments.log)
    server = await asyncio.start_server(origin.serve, "127.0.0.1", 0, limit=LIMIT, backlog=4096)
    print(f"counting at {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main())
