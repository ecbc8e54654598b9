"""avow.py -- real avow-server processes for tests: start, kill, pause, cut off; and a RESP client.

As root each node runs in a network namespace of its own, joined by a bridge, so that links can be
cut one-way (a blackhole route in the sender's namespace). Otherwise all nodes share 127.0.0.1 and
cutting is not offered. Whatever was made is taken away by Cluster.close(), by name and process id.
"""
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SERVER = os.environ.get("AVOW_SERVER", "./avow-server")
SUPPRESSIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tsan.supp")
# For builds with --enable-sanitizers=thread; others do not look at it.
os.environ["TSAN_OPTIONS"] = "suppressions=%s:%s" % (SUPPRESSIONS, os.environ.get("TSAN_OPTIONS", ""))
PREFIX = "aw" # of bridges, links, namespaces; the process id follows: at most 15 bytes for a link


class ReplyError(Exception):
    pass


class Skipped(Exception):
    """The scenario needs what is not allowed here."""


class Client:
    """One connection. call() returns int, bytes, None, list, or raises ReplyError."""

    def __init__(self, address, timeout=30):
        self.socket = socket.create_connection(address, timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def close(self):
        self.socket.close()

    def send(self, *words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))

    def _fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("closed by the server")
        self.buffer += data

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def receive(self):
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b"-":
            raise ReplyError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            if size < 0:
                return None
            while len(self.buffer) < size + 2:
                self._fill()
            data, self.buffer = self.buffer[:size], self.buffer[size + 2:]
            return data
        if kind == b"*":
            if int(rest) < 0:
                return None
            items = []
            for _ in range(int(rest)):
                try:
                    items.append(self.receive())
                except ReplyError as e:
                    items.append(e)
            return items
        raise ConnectionError("not RESP2: %r" % line)

    def call(self, *words):
        self.send(*words)
        return self.receive()


def is_sanitized():
    """The server is built with sanitizers: some ten times slower."""
    with open(SERVER, "rb") as f:
        return re.search(rb"__[at]san_init", f.read()) is not None


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def run_quietly(*command):
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def can_use_namespaces():
    name = "%s%dp" % (PREFIX, os.getpid())
    if os.geteuid() != 0 or shutil.which("ip") is None or not run_quietly("ip", "netns", "add", name):
        return False
    able = (run_quietly("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name) and
            run_quietly("ip", "link", "add", name + "b", "type", "bridge"))
    take_network_away(name)
    run_quietly("ip", "link", "del", name + "b")
    return able


def names_of(*command):
    """First words of the lines that an ip command prints."""
    done = subprocess.run(command, capture_output=True, text=True)
    return [line.split()[0] for line in done.stdout.splitlines() if line.strip()]


def take_network_away(prefix):
    """Links and namespaces whose names begin so. The links first: those of a namespace that is gone
    linger for a while."""
    for line in names_of("ip", "-br", "link"):
        if line.startswith(prefix):
            run_quietly("ip", "link", "del", line.split("@")[0])
    for name in names_of("ip", "netns", "list"):
        if name.startswith(prefix):
            run_quietly("ip", "netns", "del", name)


def sweep():
    """Takes away what test runs left behind that were themselves killed with -9."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return
    pattern = re.compile(PREFIX + r"(\d+)[cp]")
    for name in names_of("ip", "netns", "list"):
        owner = pattern.match(name)
        if owner and not os.path.exists("/proc/" + owner.group(1)):
            for pid in names_of("ip", "netns", "pids", name):
                os.kill(int(pid), signal.SIGKILL)
            take_network_away(owner.group(0))
    for name in names_of("ip", "-br", "link"):
        owner = pattern.match(name)
        if owner and not os.path.exists("/proc/" + owner.group(1)):
            take_network_away(owner.group(0))


next_port = itertools.count(20000 + os.getpid() % 10000) # below the range of outgoing connections


def free_ports(count):
    """count free client ports on 127.0.0.1 whose peer ports (+10000) are free too."""
    found = []
    while len(found) < count:
        port = next(next_port)
        try:
            for p in (port, port + 10000):
                with socket.socket() as s:
                    s.bind(("127.0.0.1", p))
            found.append(port)
        except OSError:
            continue
    return found


class Node:
    def __init__(self, cluster, number):
        self.cluster, self.number = cluster, number
        self.home = os.path.join(cluster.directory, "node-%d" % number)
        os.makedirs(self.home, exist_ok=True)
        self.process = None
        self.founder = number == 1
        self.wrapper = []  # what starts the server: env and its settings (shim.py)
        self.options = []  # of this node alone
        self.server = SERVER
        if cluster.namespaces:
            self.namespace = "%s-%d" % (cluster.prefix, number)
            self.host, self.port = "%s.%d" % (cluster.network, number), 7000
        else:
            self.namespace = None
            self.host, self.port = "127.0.0.1", cluster.ports[number - 1]

    @property
    def address(self):
        return (self.host, self.port)

    @property
    def peer_address(self):
        return "%s:%d" % (self.host, self.port + 10000)

    def command(self, *extra):
        inside = ["ip", "netns", "exec", self.namespace] if self.namespace else []
        return inside + self.wrapper + [self.server, "--bind", self.host, "--port", str(self.port), "--dir", self.home,
                         "--logfile", os.path.join(self.home, "avow.log"), "--protected-mode", "no",
                         "--announce-host", self.host, "--cluster-secret", "a secret of the tests",
                         "--enable-debug-command", "yes",
                         "--cluster-init", "yes" if self.founder else "no", *self.cluster.options, *self.options, *extra]

    def start(self, *extra, wait=True):
        output = open(os.path.join(self.home, "output"), "ab")
        self.process = subprocess.Popen(self.command(*extra), stdin=subprocess.DEVNULL, stdout=output,
                                        stderr=output, start_new_session=True)
        output.close()
        if wait:
            self.wait_port()

    def wait_port(self, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError("node %d ended with %d:\n%s" % (self.number, self.process.returncode, self.log_tail()))
            try:
                Client(self.address, 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError("node %d does not listen:\n%s" % (self.number, self.log_tail()))

    def log_tail(self, lines=15):
        text = ""
        for name in ("avow.log", "output"):
            path = os.path.join(self.home, name)
            if os.path.exists(path):
                found = open(path, errors="replace").readlines()
                reports = [i for i, line in enumerate(found) if "Sanitizer" in line or "runtime error" in line]
                first = max(0, reports[0] - 1) if reports else len(found)
                text += "".join(found[-lines:] if len(found) - first < lines else found[first:first + 60])
        return text

    def running(self):
        return self.process is not None and self.process.poll() is None

    def dead_by_itself(self):
        """It ended, and not because it was killed or told to."""
        return self.process is not None and self.process.poll() not in (None, 0, -signal.SIGKILL)

    def kill(self):
        if self.running():
            self.process.kill()
            self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        if self.running():
            self.process.send_signal(signal.SIGCONT)

    def wipe(self):
        """Its disk is lost; what starts there is an empty node."""
        assert not self.running()
        for name in os.listdir(self.home):
            path = os.path.join(self.home, name)
            if name.endswith((".log", "output")):
                continue
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        self.founder = False

    def terminate(self, seconds=20):
        self.process.terminate()
        return self.process.wait(seconds)

    def call(self, *words, timeout=30):
        client = Client(self.address, timeout)
        try:
            return client.call(*words)
        finally:
            client.close()

    def info(self, section):
        text = self.call("INFO", section).decode()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


class Cluster:
    numbers = itertools.count()

    def __init__(self, count=3, namespaces=None, options=(), directory=None):
        self.namespaces = can_use_namespaces() if namespaces is None else namespaces
        self.options = list(options)
        self.directory = directory or tempfile.mkdtemp(prefix="avow-test-")
        self.own_directory = directory is None
        self.prefix = "%s%dc%d" % (PREFIX, os.getpid(), next(Cluster.numbers))
        self.network = "10.%d.%d" % (100 + os.getpid() % 100, os.getpid() // 100 % 250)
        self.cuts = set()
        self.nodes = []
        try:
            if self.namespaces:
                self._make_network(count)
            else:
                self.ports = free_ports(count)
            self.nodes = [Node(self, i + 1) for i in range(count)]
        except BaseException:
            self.close()
            raise

    # --- network ---------------------------------------------------------------------------------

    def __enter__(self):
        return self

    def __exit__(self, kind, *more):
        if kind is not None:
            self.tell_logs()
        self.close()

    def _make_network(self, count):
        run("ip", "link", "add", self.prefix, "type", "bridge")
        run("ip", "addr", "add", self.network + ".254/24", "dev", self.prefix)
        run("ip", "link", "set", self.prefix, "up")
        for i in range(1, count + 1):
            name = "%s-%d" % (self.prefix, i)
            run("ip", "netns", "add", name)
            run("ip", "link", "add", "%sv%d" % (self.prefix, i), "type", "veth", "peer", "name", "eth0", "netns", name)
            run("ip", "link", "set", "%sv%d" % (self.prefix, i), "master", self.prefix, "up")
            for words in (["addr", "add", "%s.%d/24" % (self.network, i), "dev", "eth0"],
                          ["link", "set", "eth0", "up"], ["link", "set", "lo", "up"]):
                run("ip", "netns", "exec", name, "ip", *words)

    def cut(self, a, b):
        """Frames from node a to node b vanish from now on."""
        if (a, b) not in self.cuts:
            run("ip", "netns", "exec", self.nodes[a - 1].namespace, "ip", "route", "add", "blackhole",
                "%s.%d/32" % (self.network, b))
            self.cuts.add((a, b))

    def heal(self):
        for a, b in list(self.cuts):
            run("ip", "netns", "exec", self.nodes[a - 1].namespace, "ip", "route", "del", "blackhole",
                "%s.%d/32" % (self.network, b))
            self.cuts.remove((a, b))

    def pull_cable(self, node):
        """Both directions fall silent at once, without any sign at either end."""
        run("ip", "link", "set", "%sv%d" % (self.prefix, node.number), "nomaster")

    def plug_cable(self, node):
        run("ip", "link", "set", "%sv%d" % (self.prefix, node.number), "master", self.prefix)

    # --- life ------------------------------------------------------------------------------------

    def form(self):
        for node in self.nodes:
            node.start()
        self.wait_writable(nodes=self.nodes[:1])
        self.nodes[0].call("SET", "formed", "1")
        for node in self.nodes[1:]:
            self.add(node)
        self.wait_writable()

    def add(self, node, through=None, seconds=30):
        """The running, empty node becomes a member."""
        end = time.monotonic() + seconds
        while True:
            try:
                answer = (through or self.nodes[0]).call("RAFT", "ADD", node.peer_address, timeout=seconds)
                assert answer == b"OK", answer
                return
            except ReplyError as e:
                assert time.monotonic() < end, "node %d could not join: %s" % (node.number, e)
                time.sleep(0.25)

    def wait_writable(self, seconds=30, nodes=None):
        """A write through every node is acknowledged."""
        end = time.monotonic() + seconds
        for node in nodes or self.nodes:
            while True:
                try:
                    if node.call("SET", "probe", node.number) == b"OK":
                        break
                except (ReplyError, OSError) as e:
                    if time.monotonic() > end:
                        raise AssertionError("node %d takes no writes: %s\n%s" % (node.number, e, node.log_tail()))
                    time.sleep(0.02)

    def wait_ready(self, node, seconds=30):
        """The node serves reads."""
        end = time.monotonic() + seconds
        while True:
            try:
                return node.call("EXISTS", "probe")
            except (ReplyError, OSError) as e:
                assert time.monotonic() < end, "node %d: %s\n%s" % (node.number, e, node.log_tail())
                time.sleep(0.02)

    def leader(self, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for node in self.nodes:
                try:
                    if node.running() and node.info("raft").get("raft_role") == "leader":
                        return node
                except (ReplyError, OSError):
                    pass
            time.sleep(0.05)
        raise AssertionError("no leader within %d s" % seconds)

    def followers(self):
        leader = self.leader()
        return [n for n in self.nodes if n is not leader]

    def restart_dead(self):
        for node in self.nodes:
            node.resume()
            if not node.running():
                node.start()

    def check_equal(self, seconds=30):
        """All nodes hold the same state at the same applied index."""
        end = time.monotonic() + seconds
        while True:
            answers = [node.call("RAFT", "DIGEST") for node in self.nodes]
            if all(a == answers[0] for a in answers):
                return answers[0]
            if time.monotonic() > end:
                raise AssertionError("the nodes differ: %r" % answers)
            time.sleep(0.1)

    def check_logs(self):
        """No node panicked or complained of sanitizers."""
        for node in self.nodes:
            text = node.log_tail(100000)
            bad = re.search(r".*(check failed|panic|ERROR: \w+Sanitizer|runtime error|WARNING: ThreadSanitizer).*", text)
            assert not bad, "node %d: %s\n%s" % (node.number, bad.group(0), node.log_tail(40))

    def tell_logs(self):
        for node in self.nodes:
            print("--- node %d\n%s" % (node.number, node.log_tail()), file=sys.stderr)

    def close(self):
        for node in self.nodes:
            if node.running():
                node.resume()
                node.kill()
        if self.namespaces:
            take_network_away(self.prefix)
        if self.own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)
