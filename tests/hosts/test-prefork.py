#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The prefork server: what clients were answered against what the server says.

    test-prefork.py LIBRARY PREFORK CLIENT PREFORK_DISABLED

The server counts a request just before it answers. So with shared counts, and as long as
nobody is killed, every worker's page /stats shows exactly the client's number of answers.
When workers are killed in mid-load, every answered request is still counted; a killed
worker may have counted one more, whose answer did not get out: the client has a broken
connection for it. Broken requests are not repeated, hence

    answered <= counted <= answered + broken,    broken <= workers killed.

Of PREFORK_DISABLED every file was compiled with -DFONDUE_DISABLE.
"""
import collections
import ctypes
import fcntl
import os
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import done, skip, test  # noqa: E402
from host import command, emulated  # noqa: E402

PATIENCE = 60  # seconds, for what should take far less than one
WORKERS = 4
PATHS = "/", "/bread", "/cheese", "/wine"

Answer = collections.namedtuple("Answer", "path worker serial number")


class Server:
    """The server with a process group of its own; leaves nothing behind when the block ends."""

    def __init__(self, prefork, library, workers=WORKERS):
        argv, environment = command([prefork, "-n", str(workers)], library)
        self.workers = workers
        self.process = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, start_new_session=True)
        line = self.process.stdout.readline().decode()
        self.port = int(re.search(r":(\d+)/$", line.strip()).group(1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()
        try:
            while True:  # workers that have lost their master are our children
                os.waitpid(-self.process.pid, 0)
        except ChildProcessError:
            pass

    def stop(self):
        """Exit status after SIGTERM."""
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def all_ended(self, patience):
        """Is standard output, which every worker inherits, closed by all of them?"""
        ready, _, _ = select.select([self.process.stdout], [], [], patience)
        return bool(ready) and self.process.stdout.read() == b""


class Connection:
    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, text):
        self.socket.sendall(text.encode())

    def answer(self):
        """Status, headers and body of the next answer; None at the end."""
        line = self.file.readline().decode()
        if not line:
            return None
        headers = {}
        while (header := self.file.readline().decode().strip()):
            name, _, value = header.partition(": ")
            headers[name] = value
        return (int(line.split()[1]), headers,
                self.file.read(int(headers["Content-Length"])).decode())

    def get(self, target):
        self.send(f"GET {target} HTTP/1.1\r\n\r\n")
        return self.answer()


def parse_page(text):
    """Page /stats as a dictionary: {'requests': 400, '/bread': 100, ...}"""
    return {(words := line.split())[-2]: int(words[-1]) for line in text.splitlines()}


def pages(server, client):
    """The page of each worker."""
    argv, environment = command([client, "stats", str(server.port), str(server.workers)])
    text = subprocess.run(argv, env=environment, text=True, timeout=PATIENCE, check=True,
                          stdout=subprocess.PIPE).stdout
    return [parse_page(page) for page in text.split("\n\n")]


class Load:
    """The client at work; `answers` are those read so far, in the order they came."""

    def __init__(self, server, client, count):
        argv, environment = command([client, "load", str(server.port), str(count), "8", "-v"])
        # a small pipe: the client can be only some answers ahead of its reader
        reader, writer = os.pipe()
        fcntl.fcntl(writer, 1031, 4096)  # F_SETPIPE_SZ
        self.process = subprocess.Popen(argv, env=environment, stdout=writer)
        os.close(writer)
        self.output = open(reader, encoding="ascii")
        self.answers = []

    def read_answer(self):
        """The next answer, or None when the client comes to its summary."""
        line = self.output.readline()
        if line.startswith("/"):
            path, *numbers = line.split()
            self.answers.append(Answer(path, *map(int, numbers)))
            return self.answers[-1]
        words = line.split()
        self.summary = dict(zip(words[::2], map(int, words[1::2])))
        self.output.read()
        self.output.close()
        self.process.wait(PATIENCE)
        return None

    def finish(self):
        while self.read_answer():
            pass
        return self


def serials_are_private(answers):
    """Each worker numbers its own answers 1, 2, 3 ... without a gap."""
    serials = collections.defaultdict(list)
    for answer in answers:
        serials[answer.worker].append(answer.serial)
    return all(sorted(own) == list(range(1, len(own) + 1)) for own in serials.values())


def per_path(answers):
    return collections.Counter(answer.path for answer in answers)


def check_private(name, prefork, library, client):
    with Server(prefork, library) as server:
        load = Load(server, client, 400).finish()
        shown = pages(server, client)
        test(f"{name}: all requests are answered", load.summary["answered"] == 400,
             load.summary)
        test(f"{name}: a worker knows of its own requests only",
             all(page["requests"] == page["own-requests"] for page in shown)
             and sum(page["requests"] for page in shown) == 400, shown)
        test(f"{name}: and of its own paths only",
             all(sum(page.get(path, 0) for page in shown) == 100 for path in PATHS), shown)
        test(f"{name}: a number is given out once by each worker",
             serials_are_private(load.answers)
             and all(answer.number == answer.serial for answer in load.answers))
        test(f"{name}: the server stops with status 0", server.stop() == 0)


def shared_run_is_exact(prefork, library, client):
    """Serve 400 requests; say what is wrong, or return ''."""
    with Server(prefork, library) as server:
        load = Load(server, client, 400).finish()
        shown = pages(server, client)
        own = [page.pop("own-requests") for page in shown]
        workers = {page.pop("worker") for page in shown}
        size = sum(len(f"This is {PATHS[i % 4]}?{i}\n") for i in range(400))
        expected = {"requests": 400, "bytes": size, "refused": 0, "replaced": 0,
                    "other-paths": 0} | {path: 100 for path in PATHS}
        claims = {
            "answers": load.summary == {"sent": 400, "answered": 400, "broken": 0, "wrong": 0},
            "pages": all(page == expected for page in shown),
            "one page of each worker": len(workers) == WORKERS,
            "own requests": sum(own) == 400,
            "serials": serials_are_private(load.answers),
            "numbers": sorted(a.number for a in load.answers) == list(range(1, 401)),
            "stop": server.stop() == 0 and server.all_ended(0),
        }
        wrong = [name for name, good in claims.items() if not good]
        return f"{wrong} {load.summary} {shown} own {own}" if wrong else ""


def check_shared(prefork, library, client):
    wrong = [text for text in (shared_run_is_exact(prefork, library, client)
                               for _ in range(5)) if text]
    test("with the preload: all counts are exact in each worker, its own stay private, "
         "in five runs", not wrong, wrong and wrong[0])


def load_with_kills(server, client, kills):
    """2000 requests; the worker that gave every 100th answer is killed, `kills` times."""
    load = Load(server, client, 2000)
    killed = set()
    while len(killed) < kills and (answer := load.read_answer()):
        if len(load.answers) >= 100 * (len(killed) + 1) and answer.worker not in killed:
            os.kill(answer.worker, signal.SIGKILL)
            killed.add(answer.worker)
    return load.finish(), killed


def check_kills(prefork, library, client):
    with Server(prefork, library) as server:
        load, killed = load_with_kills(server, client, 5)
        shown = pages(server, client)
        page, answered, broken = shown[0], len(load.answers), load.summary["broken"]
        hits = per_path(load.answers)
        remark = f"killed {killed}; {load.summary}; {hits}; {shown}"

        test("kill -9 in mid-load: five workers died, each was replaced",
             len(killed) == 5 and all(p["replaced"] == 5 for p in shown)
             and not killed & {p["worker"] for p in shown}, remark)
        test("kill -9: newcomers answered requests, too",
             len({a.worker for a in load.answers}) > WORKERS, remark)
        test("kill -9: the client lost no more than a connection for each",
             load.summary["sent"] == 2000 == answered + broken and broken <= 5
             and load.summary["wrong"] == 0, remark)
        test("kill -9: every answered request is counted, and none that was not sent",
             all(answered <= p["requests"] <= 2000 for p in shown), remark)
        test("kill -9: the same holds for each path, and all workers agree",
             all(hits[path] <= page[path] <= 500 for path in PATHS)
             and all(p[path] == page[path] for p in shown for path in PATHS)
             and answered <= sum(page[path] for path in PATHS) <= 2000, remark)
        test("kill -9: no number was given out twice, and what is private stayed so",
             len({a.number for a in load.answers}) == answered
             and serials_are_private(load.answers)
             and sum(p["own-requests"] for p in shown) < page["requests"], remark)
        test("kill -9: the server stops with status 0",
             server.stop() == 0 and server.all_ended(0))


def address_of(symbol, program, pid):
    """Where a static variable of `program` lies in process `pid`; None: not to be known."""
    if emulated() or not shutil.which("nm"):
        return None
    names = subprocess.run(["nm", program], stdout=subprocess.PIPE, text=True).stdout
    found = re.search(rf"^([0-9a-f]+) \w {symbol}$", names, re.M)
    with open(program, "rb") as file:
        fixed = struct.unpack_from("<H", file.read(18), 16)[0] == 2  # ET_EXEC
    with open(f"/proc/{pid}/maps") as maps:
        start = next(line for line in maps if line.rstrip().endswith(os.path.realpath(program)))
    base = 0 if fixed else int(start.split("-")[0], 16)
    return base + int(found.group(1), 16) if found else None


def check_dead_owner(prefork, library, client):
    """A worker dies with the table's lock: play that it had taken it, and kill it."""
    name = "a worker that is killed while it extends the table holds up nobody"
    with Server(prefork, library, 2) as server, Connection(server) as one, \
            Connection(server) as other:
        worker, victim = (int(c.get("/stats")[1]["X-Worker"]) for c in (one, other))
        address = address_of("paths_owner", prefork, worker)
        if address is None:
            skip(name, "no address of its lock to be had")
            return
        try:
            with open(f"/proc/{worker}/mem", "r+b", buffering=0) as memory:
                memory.seek(address)
                memory.write(struct.pack("i", victim))
        except PermissionError:
            skip(name, "may not write to another process's memory")
            return
        one.send("GET /new HTTP/1.1\r\n\r\n")
        waits = not select.select([one.socket], [], [], 0.2)[0]
        os.kill(victim, signal.SIGKILL)
        answer = one.answer()
        page = parse_page(one.get("/stats")[2])
        test(name, waits and answer and answer[0] == 200 and page["/new"] == 1,
             f"waits {waits} answer {answer} page {page}")


def check_requests(prefork, library, client):
    """What a server must cope with; the counts say what it made of it."""
    long_path = "/" + "x" * 64
    with Server(prefork, library) as server:
        with Connection(server) as c:
            c.send("GET /a HTTP/1.1\r\n\r\nGET /b?c HTTP/1.1\r\nconnection: close\r\n\r\n")
            first, second, third = c.answer(), c.answer(), c.answer()
            test("pipelined requests are answered in order",
                 first and second and third is None
                 and (first[2], second[2]) == ("This is /a\n", "This is /b?c\n")
                 and first[1]["Connection"] == "keep-alive"
                 and second[1]["Connection"] == "close", (first, second, third))
        with Connection(server) as c:
            c.send("GET /a HTTP/1.0\r\n\r\n")
            test("HTTP/1.0 closes", c.answer()[2] == "This is /a\n" and c.answer() is None)
        refusals = []
        for text in ("\r\n\r\n", "GET\r\n\r\n", "GET x HTTP/1.1\r\n\r\n", "GET / SPDY\r\n\r\n",
                     "GET /a\nb HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\0\r\n\r\n", "x" * 5000):
            with Connection(server) as c:
                c.send(text)
                refusals.append((c.answer() or [None])[0])
        with Connection(server) as c:
            c.send("POST /a HTTP/1.1\r\n\r\n")
            refusals.append(c.answer()[0])
        test("what is no request is refused", refusals == [400] * 7 + [501], refusals)
        with Connection(server) as c:
            c.get(long_path)
            for i in range(300):
                c.get(f"/{i}")
        shown = pages(server, client)
        # 256 entries: /a, /b and 254 of the 300; the long one and 46 found no room
        test("a full table counts the rest as others, in all workers",
             all(p["requests"] == 304 and p["other-paths"] == 47 and p["/a"] == 2
                 and p["/253"] == 1 and "/254" not in p and p["refused"] == 8
                 for p in shown), shown)


def check_stop(prefork, library, client):
    with Server(prefork, library) as server:
        load = Load(server, client, 2000)
        while len(load.answers) < 50:
            load.read_answer()
        status = server.stop()
        ended = server.all_ended(0)
        load.finish()
        test("SIGTERM in mid-load: status 0, and no process is left", status == 0 and ended,
             status)
        test("SIGTERM in mid-load: the client was answered, or knows that it was not",
             load.summary["answered"] == len(load.answers) < 2000
             and load.summary["wrong"] == 0, load.summary)
    with Server(prefork, library) as server, Connection(server) as idle, \
            Connection(server) as c:
        idle.get("/idle")
        c.get("/first")
        c.send("GET /half HTT")
        server.process.terminate()
        test("SIGTERM: an idle connection is closed", idle.answer() is None)
        c.send("P/1.1\r\n\r\n")
        answer = c.answer()
        test("SIGTERM: a request of which a part had come is answered",
             answer and answer[2] == "This is /half\n"
             and answer[1]["Connection"] == "close" and c.answer() is None, answer)
        test("SIGTERM: then the server stops", server.process.wait(PATIENCE) == 0)
    with Server(prefork, library) as server:
        server.process.kill()
        test("kill -9 of the master: its workers end, too", server.all_ended(PATIENCE))
    with Server(prefork, library) as server:
        worker = pages(server, client)[0]["worker"]
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (3, 3))
        # no descriptor for a connection: it gives up as soon as it is its turn
        while server.process.poll() is None:
            try:
                with Connection(server) as c:
                    c.get("/")
            except OSError:
                pass
        test("a worker that cannot serve any more ends the server with status 1",
             server.process.wait(PATIENCE) == 1 and server.all_ended(0))


def adopt_orphans():
    """Become the parent of workers whose master dies: not every init collects them."""
    ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER


def main():
    adopt_orphans()
    library, prefork, client, disabled = sys.argv[1:]

    check_private("without the preload", prefork, None, client)
    check_private("with the preload, but FONDUE_DISABLE", disabled, library, client)
    check_shared(prefork, library, client)
    check_kills(prefork, library, client)
    check_dead_owner(prefork, library, client)
    check_requests(prefork, library, client)
    check_stop(prefork, library, client)
    return done()


sys.exit(main())
