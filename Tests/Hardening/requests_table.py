"""The requests of Fixtures/HTTP, sent to the program and to nginx: both do what the table says of them."""
import concurrent.futures
import json
import re
import shutil
import socket
import time

from bridge import ROOT, Bridge, expect
from processes import wait_until

TABLE = ROOT / "Fixtures/HTTP/requests.json"
# How long nothing must come for a connection to count as kept.
QUIET = 0.5


def cases():
    return json.loads(TABLE.read_text())


def request(case, media, tag):
    text = "".join(
        part if isinstance(part, str) else part["repeat"] * part["times"] for part in case["request"])
    # A character stands for a byte.
    return text.replace("{media}", media).replace("{tag}", tag).encode("latin-1")


def ask(port, data):
    """The statuses that come, and whether the connection is kept or closed."""
    received, end = b"", "kept"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            connection.sendall(data)
            connection.settimeout(QUIET)
            while True:
                more = connection.recv(65_536)
                if not more:
                    end = "closed"
                    break
                received += more
        except TimeoutError:
            pass
        except (ConnectionResetError, BrokenPipeError):
            end = "closed"
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d\d\d) ", received)]
    # HTTP/0.9 has none.
    return (statuses or ([0] if received else [])), end


def judge(port, media, expected):
    head = f"HEAD {media} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head)
        answer = b""
        while more := connection.recv(65_536):
            answer += more
    tag = re.search(rb'ETag: ("[^"]+")', answer).group(1).decode()

    def one(case):
        result = ask(port, request(case, media, tag))
        wanted = expected(case)
        return None if result == wanted else f"{case['name']}: {result}, not {wanted}"

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        wrong = [result for result in pool.map(one, cases()) if result]
    expect(not wrong, f"{len(wrong)} requests differ: {'; '.join(wrong[:5])}")
    return f"{len(cases())} requests"


def ours(space, arguments):
    bridge = Bridge(space, arguments.program)
    wait_until(lambda: bridge.segments(), 20, "segments")
    return judge(bridge.port, bridge.segments()[-1], lambda case: (case["answers"], case["end"]))


def nginx(space, arguments):
    if not shutil.which("nginx"):
        return "SKIPPED: there is no nginx"
    html = space.folder / "html"
    html.mkdir()
    (html / "healthz").write_text("ok\n")
    (html / "media").write_bytes(bytes(2048))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folders = "".join(
        f"{kind}_temp_path {space.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config = space.folder / "nginx.conf"
    config.write_text(
        f"daemon off; pid {space.folder}/pid; error_log {space.folder}/errors; worker_processes 1; events {{}}\n"
        f"http {{ access_log off; {folders} client_max_body_size 16k; lingering_close off;\n"
        f"  server {{ listen 127.0.0.1:{port}; root {html}; default_type text/plain; }} }}\n")
    # Its workers are nobody, who must come in.
    space.folder.chmod(0o755)
    space.start("nginx", ["nginx", "-p", space.folder, "-c", config])

    def answers():
        try:
            return ask(port, b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")[0] == [200]
        except OSError:
            time.sleep(0.05)
            return False

    wait_until(answers, 10, "nginx answers")

    def expected(case):
        other = case.get("nginx", case)
        return other["answers"], other["end"]

    said = judge(port, "/media", expected)
    return f"{said}, {sum('nginx' in case for case in cases())} otherwise than ours"


CASES = [("requests", ours), ("requests to nginx", nginx)]
