"""workload.py -- clients on all nodes that write and read, and remember what they were told.

The history of the registers is judged by tests/sim/linear, lists, sets and a bank by ledgers.py. An error that says CLUSTERDOWN means certainly not
executed and leaves no trace; UNCERTAIN, a broken connection or a time-out may have happened.
"""
import random
import subprocess
import threading
import time

from avow import Client, ReplyError
from ledgers import Bank, Lists, Sets

LINEAR = "./tests/sim/linear"
KEYS = 8
LEDGERS_SHARE = 0.4  # of the operations
OPERATIONS_PER_KEY_MAX = 4000


class Worker(threading.Thread):
    def __init__(self, load, number):
        super().__init__(daemon=True)
        self.load, self.random = load, random.Random(load.seed * 1000 + number)
        self.number, self.sequence = number, 0
        self.node = load.cluster.nodes[number % len(load.cluster.nodes)]
        self.client = None

    def connect(self):
        if self.client is None:
            if self.random.random() < 0.3:
                self.node = self.random.choice(self.load.cluster.nodes)
            self.client = Client(self.node.address, 15)

    def run(self):
        while not self.load.ended:
            try:
                self.connect()
            except OSError:
                time.sleep(0.05)
                continue
            if self.random.random() < LEDGERS_SHARE:
                self.random.choice(self.load.ledgers).work(self)
            else:
                self.operate()
            time.sleep(self.random.random() * self.load.pause)

    def unique(self):
        self.sequence += 1
        return b"%d:%d" % (self.number, self.sequence)

    def operate(self):
        key = "register:%d" % self.random.randrange(KEYS)
        kind = self.random.choice(["get", "get", "set", "incr", "incr", "cas", "del"])
        self.sequence += 1
        value = (self.number * 1000000 + self.sequence) * 1000
        if kind == "cas":
            self.compare_and_set(key, value)
            return
        words = {"get": ("GET", key), "set": ("SET", key, value), "incr": ("INCR", key), "del": ("DEL", key)}[kind]
        begin = time.monotonic_ns()
        known, reply = self.call(words)
        if not known:
            if kind != "get":
                self.load.record(key, begin, None, kind, value if kind == "set" else 0, 0, 0)
        elif reply is not ReplyError:
            if kind == "get":
                reply = None if reply is None else int(reply)
            self.load.record(key, begin, time.monotonic_ns(), kind, value if kind == "set" else 0, 0,
                             reply if kind != "set" else 0)

    def call(self, words):
        """(True, reply), (True, ReplyError) for certainly not executed, (False, None) for who knows."""
        try:
            return True, self.client.call(*words)
        except ReplyError as e:
            if str(e).startswith(("CLUSTERDOWN", "LOADING")):
                self.load.count("definite")
                return True, ReplyError
            if str(e).startswith("UNCERTAIN"):
                self.load.count("uncertain")
                return False, None
            self.load.unexpected.append("%s: %s" % (words, e))
            return False, None
        except (OSError, ConnectionError):
            self.load.count("broken")
            self.hang_up()
            return False, None

    def hang_up(self):
        """Also ends a transaction that is not to be executed."""
        if self.client is not None:
            self.client.close()
        self.client = None

    def compare_and_set(self, key, value):
        known, reply = self.call(("WATCH", key))
        if not known or reply is ReplyError:
            return
        begin = time.monotonic_ns()
        known, before = self.call(("GET", key))
        if not known or before is ReplyError:
            return
        before = None if before is None else int(before)
        self.load.record(key, begin, time.monotonic_ns(), "get", 0, 0, before)
        for words in (("MULTI",), ("SET", key, value)):
            known, reply = self.call(words)
            if not known or reply is ReplyError:
                self.hang_up()
                return
        begin = time.monotonic_ns()
        known, reply = self.call(("EXEC",))
        if not known:
            self.load.record(key, begin, None, "cas", before, value, 0)
        elif isinstance(reply, list):
            self.load.record(key, begin, time.monotonic_ns(), "cas", before, value, 1)


class Load:
    def __init__(self, cluster, clients=6, seed=1, pause=0.01):
        self.cluster, self.seed, self.pause = cluster, seed, pause
        self.ended = False
        self.lock = threading.Lock()
        self.lines, self.counts, self.unexpected = [], {}, []
        self.ledgers = [Lists(), Sets(), Bank()]
        self.last_acknowledged = time.monotonic()
        self.workers = [Worker(self, i) for i in range(clients)]

    def __enter__(self):
        self.cluster.wait_writable()
        for key in range(KEYS):
            self.cluster.nodes[0].call("DEL", "register:%d" % key)
        for ledger in self.ledgers:
            ledger.prepare(self.cluster.nodes[0])
        for worker in self.workers:
            worker.start()
        return self

    def __exit__(self, *exception):
        self.ended = True
        for worker in self.workers:
            worker.join(40)
        return False

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def record(self, key, begin, end, kind, argument, argument2, result):
        def text(n):
            return "-" if n is None else str(n)
        with self.lock:
            if end is not None and kind != "get":
                self.last_acknowledged = time.monotonic()
            self.counts[kind] = self.counts.get(kind, 0) + 1
            self.lines.append("%s %d %s %s %s %s %s" % (key, begin, text(end), kind, text(argument),
                                                        text(argument2), text(result)))

    def acknowledged(self):
        with self.lock:
            return sum(1 for line in self.lines if line.split()[2] != "-")

    def wait_progress(self, seconds=20):
        """A write that began after this call is acknowledged."""
        mark = time.monotonic()
        while self.last_acknowledged <= mark + 0.05:
            if time.monotonic() > mark + seconds:
                raise AssertionError("no write was acknowledged for %d s" % seconds)
            time.sleep(0.01)
        return time.monotonic() - mark

    def judge(self):
        """After the load ended and all nodes run: reads every register on every node, then checks."""
        assert not self.unexpected, "unexpected replies: %s" % self.unexpected[:5]
        self.cluster.wait_writable()
        for node in self.cluster.nodes:
            for key in range(KEYS):
                begin = time.monotonic_ns()
                value = node.call("GET", "register:%d" % key)
                self.record("register:%d" % key, begin, time.monotonic_ns(), "get", 0, 0,
                            None if value is None else int(value))
        done = subprocess.run([LINEAR], input="\n".join(self.lines) + "\n", text=True, capture_output=True, timeout=300)
        if done.returncode != 0:
            path = "history-%d.txt" % time.time()  # in the build directory: what a violation is understood by
            with open(path, "w") as f:
                f.write("\n".join(self.lines) + "\n")
            raise AssertionError("history (kept in %s): %s%s" % (path, done.stdout[-600:], done.stderr[-300:]))
        for ledger in self.ledgers:
            ledger.judge(self.cluster.nodes)
        self.cluster.check_equal()
        self.cluster.check_logs()
        return done.stdout.strip()
