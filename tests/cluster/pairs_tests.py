"""pairs_tests.py -- a pipeline of two commands does what the two do one by one (ARCHITECTURE §3.10).

For a pair (a, b) the keys of samples.py are made anew; then a and b go out in one write on a new
connection, or b only when a was answered, on the leader and on a follower. Replies and the digests of
all keys have to be equal. PAIRS says how many pairs a run draws (seeded); PAIRS=all takes every one.
"""
import itertools
import os
import queue
import random
import socket
import threading
import time

import samples
from avow import Client, Cluster, ReplyError

WORKERS = 4
PAIRS = os.environ.get("PAIRS", "1500")
# Always with each other: those whose order or whose own connection state is special.
SPECIAL = [line for line in samples.SAMPLES if line.split()[0] in (
    "BLPOP", "BLMOVE", "BZPOPMIN", "WATCH", "MULTI", "EXEC", "SELECT", "HELLO", "SUBSCRIBE", "PUBLISH", "QUIT",
    "RESET", "MONITOR", "EVAL")] + ["SET @string x", "GET @string", "CLIENT REPLY SKIP", "INCR @number"]
TIMES = {"pttl", "pexpiretime", "hpttl", "hpexpiretime", "expiretime", "hexpiretime", "ttl", "httl"}
CHANCE = {"spop", "xadd", "xclaim", "xautoclaim", "xreadgroup", "function", "script"}
KEYS = sorted(({w for line in samples.SETUP for w in line.split() if w.startswith("@")} |
              {"@none", "@none1", "@list2"}) - {"@stream"})
# A stream's digest knows when entries were delivered.
STREAM = ["XRANGE @stream - +", "XPENDING @stream group"]


class Wire:
    """A connection that hands out whole replies as bytes, whatever the protocol."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, 20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data, self.ended = b"", False

    def send(self, *requests):
        try:
            self.socket.sendall(b"".join(encode(r) for r in requests))
        except OSError:
            self.ended = True

    def _fill(self, wait):
        self.socket.settimeout(20 if wait else 0)
        try:
            more = self.socket.recv(65536)
        except BlockingIOError:
            return False
        except TimeoutError:
            raise AssertionError("no reply within 20 s; so far %r" % self.data)
        except OSError:
            more = b""
        self.ended = self.ended or not more
        self.data += more
        return bool(more)

    def _size(self, at):
        """Where the reply that begins at ends; None: not all here."""
        end = self.data.find(b"\r\n", at)
        if end < 0:
            return None
        kind, rest = self.data[at:at + 1], self.data[at + 1:end]
        at = end + 2
        if kind in b"$=!":
            at += 0 if rest == b"-1" else int(rest) + 2
            return at if at <= len(self.data) else None
        if kind in b"*~>%":
            for _ in range(int(rest) * (2 if kind == b"%" else 1)):
                at = self._size(at)
                if at is None:
                    return None
        return at

    def take(self):
        """Whole replies that are here, but for what MONITOR tells of others."""
        taken = []
        while True:
            end = self._size(0) if self.data else None
            if end is None:
                return taken
            reply, self.data = self.data[:end], self.data[end:]
            if not (reply[:1] == b"+" and reply[1:2].isdigit()):
                taken.append(reply)

    def until_answered(self):
        taken = []
        while not taken and not self.ended:
            self._fill(True)
            taken += self.take()
        while not self.ended and self._fill(False):
            taken += self.take()
        return taken

    def until(self, marker):
        taken = []
        while not self.ended and not any(marker in reply for reply in taken):
            self._fill(True)
            taken += self.take()
        return [reply for reply in taken if marker not in reply]


def encode(request):
    words = [w.encode() for w in request]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


class Runner:
    numbers = itertools.count()

    def __init__(self, address):
        self.address, self.number, self.count = address, next(Runner.numbers), 0
        self.control = Client(address)

    def ask(self, line, prefix):
        try:
            return self.control.call(*samples.words(line, prefix))
        except ReplyError as e:
            return str(e).replace(prefix, "")

    def play(self, a, b, together):
        """(replies, digests) of one run of the pair."""
        self.count += 1
        prefix = "p%06d.%06d:" % (self.number, self.count)  # as long as any other
        for line in samples.SETUP:
            self.control.send(*samples.words(line, prefix))
        for _ in samples.SETUP:
            self.control.receive()
        first, second = samples.words(a, prefix), samples.words(b, prefix)
        wire = Wire(self.address)
        end = (["RESET"], ["PING", prefix + "end"])
        if together:
            wire.send(first, second, *end)
            replies = wire.until((prefix + "end").encode())
        else:
            silent = a.startswith("CLIENT REPLY SKIP")
            wire.send(first)
            replies = [] if silent else wire.until_answered()
            silent = silent or (b.startswith("CLIENT REPLY SKIP") and replies[:1] == [b"+OK\r\n"])
            wire.send(second)
            replies += [] if silent or b.startswith("CLIENT REPLY SKIP") else wire.until_answered()
            wire.send(*end)
            replies += wire.until((prefix + "end").encode())
        wire.socket.close()
        replies = [r.replace(prefix.encode(), b"") for r in replies]
        digests = self.control.call("DEBUG", "DIGEST-VALUE", *samples.words(" ".join(KEYS), prefix))
        digests += [self.ask(line, prefix) for line in STREAM]
        self.control.call("UNLINK", *samples.words(" ".join(KEYS + ["@stream"]), prefix))
        return replies, digests

    def differ(self, a, b):
        """What is wrong with the pair; None: nothing."""
        alone, kept = self.play(a, b, False)
        joined, kept_joined = self.play(a, b, True)
        names = [line.lower().split()[0] for line in (a, b)]
        by_kind = [name in samples.VARIES or name in TIMES for name in names]
        if names[0] in CHANCE:
            by_kind[1] = True
        if any(by_kind) or names[0] == "multi":
            alone, joined = [[r[:1] for r in run] for run in (alone, joined)]
        if alone != joined:
            return "one by one %r, together %r" % (alone, joined)
        if kept != kept_joined and not CHANCE & set(names):
            return "the keys differ after it"
        return None


def chosen_pairs(chance):
    special = [(a, b) for a in SPECIAL for b in SPECIAL]
    everything = [(a, b) for a in samples.SAMPLES for b in samples.SAMPLES]
    if PAIRS == "all":
        return everything
    return special + chance.sample(everything, int(PAIRS))


def two_commands_in_a_pipeline_are_the_two_one_by_one():
    seed = int(time.time())
    pairs = queue.Queue()
    for pair in chosen_pairs(random.Random(seed)):
        pairs.put(pair)
    total, wrong = pairs.qsize(), []
    with Cluster() as cluster:
        cluster.form()
        leader = cluster.leader()
        nodes = [leader, cluster.followers()[0]]

        def work():
            runners = [Runner(node.address) for node in nodes]
            while True:
                try:
                    a, b = pairs.get_nowait()
                except queue.Empty:
                    return
                for runner, node in zip(runners, nodes):
                    try:
                        what = runner.differ(a, b)
                    except Exception as e:
                        what = repr(e)
                        runner.__init__(node.address)
                    if what is not None:
                        wrong.append("%s: %s | %s: %s" % ("leader" if node is leader else "follower", a, b, what))

        workers = [threading.Thread(target=work) for _ in range(WORKERS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert not wrong, "%d of %d pairs (seed %d):\n%s" % (len(wrong), total, seed, "\n".join(sorted(wrong)[:20]))
        cluster.check_equal()
        cluster.check_logs()
        print("   ", total, "pairs on the leader and on a follower, seed", seed)


def every_command_has_a_sample():
    cluster = Cluster(1, namespaces=False)
    try:
        cluster.nodes[0].start()
        cluster.wait_writable()
        listed = [name.decode() for name in cluster.nodes[0].call("COMMAND", "LIST")]
        assert len(listed) > 300
        missing = samples.unsampled(listed)
        assert not missing, "neither in SAMPLES nor in WITHOUT of samples.py: " + " ".join(missing)
    finally:
        cluster.close()


TESTS = [every_command_has_a_sample, two_commands_in_a_pipeline_are_the_two_one_by_one]
