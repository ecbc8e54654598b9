"""script_tests.py -- utils/start-cluster.sh in the hands of a stranger. It uses the build directory
beside it, so these run there only."""
import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile

from avow import Skipped, free_ports

TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
SCRIPT = os.path.join(TOP, "utils", "start-cluster.sh")


class Stranger:
    """Calls the script with its own --dir, which has a blank and a quote in its name."""

    def __init__(self, nodes):
        if os.path.realpath("avow-server") != os.path.join(TOP, "build", "avow-server"):
            raise Skipped("not in the directory build/ of the source tree")
        if shutil.which("redis-cli") is None:
            raise Skipped("no redis-cli")
        self.top = tempfile.mkdtemp(prefix="avow stranger's ")
        self.dir = os.path.join(self.top, "a cluster")
        ports = free_ports(nodes)
        while ports[-1] != ports[0] + nodes - 1:  # in a row
            ports = ports[1:] + free_ports(1)
        self.port = ports[0]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.call("--clean", want=None)
        shutil.rmtree(self.top, ignore_errors=True)
        return False

    def call(self, *arguments, want=0, says=(), cwd=None, env=None, dir=None):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
        environment.update(env or {})
        done = subprocess.run([SCRIPT, "--dir", dir or self.dir, *arguments], capture_output=True, text=True,
                              timeout=300, cwd=cwd or self.top, env=environment, stdin=subprocess.DEVNULL)
        text = done.stdout + done.stderr
        assert want is None or done.returncode == want, "%r ended with %d:\n%s" % (arguments, done.returncode, text)
        for word in says:
            assert word in text, "%r does not say %r:\n%s" % (arguments, word, text)
        return text


def cli(port, *words):
    return subprocess.run(["redis-cli", "-p", str(port), *words], capture_output=True, text=True,
                          timeout=30).stdout.strip()


def a_stranger_starts_kills_stops_and_keeps_all_data():
    with Stranger(5) as s:
        base = ["--base-port", str(s.port)]
        s.call(*base, says=["leader", "follower", "redis-cli -p %d" % s.port])
        assert cli(s.port + 2, "SET", "kept", "1") == "OK"
        s.call(*base, says=["ready"])
        s.call("--status", says=["node 3"])
        s.call("--start", "2", want=1, says=["runs already"])
        s.call("--kill", "1", says=["--start 1"])
        s.call("--kill", "1", want=1, says=["does not run", "--start 1"])
        s.call("--status", says=["down", "--start 1"])
        assert cli(s.port + 1, "GET", "kept") == "1"
        s.call("--kill", "2")
        s.call("--start", "2", says=["node 2"])
        s.call("--kill", "2")
        s.call("--kill", "3")
        s.call("--start", "3", says=["1 of 3 nodes run", "another"])
        s.call(says=["ready"])
        assert cli(s.port, "GET", "kept") == "1"
        s.call("--nodes", "5", says=["node 5", "ready"])
        assert cli(s.port + 4, "GET", "kept") == "1"
        s.call("--nodes", "3", says=["node 5", "ready"])
        s.call("--stop", says=["stopped"])
        s.call("--stop", says=["stopped"])
        s.call("--kill", "2", want=1, says=["does not run"])
        s.call("--status", says=["node 5", "down"])
        s.call(cwd="/", says=["ready"])
        s.call("--status", dir="a cluster", says=["leader"])
        assert cli(s.port + 3, "GET", "kept") == "1"
        s.call("--clean", says=["clean"])
        s.call("--clean", says=["clean"])
        assert not os.path.exists(s.dir)
        s.call("--nodes", "1", *base, says=["leader", "ready"])
        assert cli(s.port, "GET", "kept") == ""


def a_stranger_s_mistakes_are_explained():
    with Stranger(3) as s:
        base = ["--base-port", str(s.port)]
        for arguments, says in [
                (["--nods", "3"], ["--nods", "usage"]), (["--nodes"], ["--nodes", "value"]),
                (["--nodes", "0"], ["--nodes", "0"]), (["--nodes", "16"], ["16"]), (["--nodes", "three"], ["three"]),
                (["--nodes", "-1"], ["-1"]), (["--base-port", "60000"], ["60000"]), (["--base-port", "x"], ["'x'"]),
                (["--base-port", "08001"], ["08001"]), (["--kill", "1", "--stop"], ["one thing"]),
                (["--stop"], ["no cluster"]), (["--status"], ["no cluster"]), (["--kill", "1"], ["no cluster"]),
                (["--start", "1"], ["no cluster"])]:
            s.call(*arguments, want=1, says=says)
        for taken in (s.port + 1, s.port + 10002):
            with socket.socket() as other:
                other.bind(("127.0.0.1", taken))
                other.listen()
                s.call(*base, want=1, says=[str(taken), "--base-port"])
        other = os.path.join(s.top, "other")
        os.mkdir(other)
        open(os.path.join(other, "precious"), "w").close()
        s.call(want=1, dir=other, says=[other, "another --dir"])
        s.call("--clean", want=1, dir=other, says=[other])
        assert os.path.exists(os.path.join(other, "precious"))
        s.call(want=1, dir=os.path.join(other, "precious"), says=["precious"])
        s.call("--nodes", "1", *base, says=["ready"])
        s.call("--base-port", str(s.port + 7), want=1, says=[str(s.port)])
        s.call("--kill", "2", want=1, says=["'2'", "1 to 1"])
        no_redis_cli = os.path.join(s.top, "bin")
        os.mkdir(no_redis_cli)
        for name in ("bash", "dirname", "realpath", "printf", "cat", "tr", "env"):
            os.symlink(shutil.which(name), os.path.join(no_redis_cli, name))
        s.call("--status", want=1, env={"PATH": no_redis_cli}, says=["redis-cli", "deps/install.sh"])
        s.call("--stop")
        with open(os.path.join(s.dir, "node-1", "avow.conf"), "a") as f:
            f.write("prot 1\n")
        s.call("--start", "1", want=1, says=["prot", "avow.log"])
        s.call(want=1, says=["prot"])


def a_stranger_adds_removes_and_replaces_nodes():
    with Stranger(4) as s:
        s.call("--base-port", str(s.port), says=["ready"])
        assert cli(s.port, "SET", "kept", "1") == "OK"
        s.call("--add", says=["node 4"])
        assert cli(s.port + 3, "GET", "kept") == "1"
        s.call("--remove", "1", says=["node 1 removed", "node-1.removed"])
        for arguments in (["--start", "1"], ["--kill", "1"], ["--remove", "1"], ["--replace", "1"]):
            s.call(*arguments, want=1, says=["node 1 was removed", "--add"])
        assert "node 1 " not in s.call("--status")
        s.call("--kill", "2")
        s.call("--remove", "3", want=1, says=["do not answer"])  # of 2, 3 and 4 one would be left
        s.call("--replace", "2", says=["node 2"])  # its directory is put aside, it is another node now
        assert cli(s.port + 1, "GET", "kept") == "1"
        s.call("--replace", "4", says=["node 4"])
        assert "raft_voters:3" in cli(s.port + 1, "INFO", "raft")
        s.call("--stop")
        s.call(says=["ready"])
        s.call("--add", says=["node 1"])  # the number is free again, the cluster is the old one
        assert cli(s.port, "GET", "kept") == "1"
        for number in ("1", "3", "4"):
            s.call("--remove", number)
        s.call("--remove", "2", want=1, says=["no other node"])
        assert cli(s.port + 1, "GET", "kept") == "1"


def post(port, action, node):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/api/chaos", json.dumps({"action": action, "node": node}),
                       {"Content-Type": "application/json", "X-Avow": "1"})
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.status == 200, "%s of node %d: %d %s" % (action, node, answer.status, text)
    connection.close()


def nodes_die_come_back_stand_still_and_go_on_by_their_pages():
    """As with --dashboard --chaos, which cannot be had here: that would build the page."""
    with Stranger(3) as s:
        s.call("--base-port", str(s.port), says=["ready"])
        s.call("--stop")
        ports, socket_path = free_ports(3), os.path.join(s.dir, "k.sock")
        for i, port in enumerate(ports, 1):
            with open(os.path.join(s.dir, "node-%d" % i, "avow.conf"), "a") as f:
                f.write('http-port %d\nchaos yes\nchaos-socket "%s"\n' % (port, socket_path))
        keeper = subprocess.Popen([os.path.join(TOP, "build", "utils", "keeper"), socket_path, SCRIPT, "--dir", s.dir],
                                  stdin=subprocess.DEVNULL)
        try:
            s.call(says=["ready"])
            post(ports[0], "kill", 3)
            s.call("--status", says=["down", "--start 3"])
            assert cli(s.port, "SET", "while", "dead") == "OK"
            post(ports[0], "start", 3)
            assert cli(s.port + 2, "GET", "while") == "dead"
            post(ports[2], "pause", 1)
            s.call("--status", says=["paused", "--resume 1"])
            s.call("--start", "1", want=1, says=["paused", "--resume 1"])
            assert cli(s.port + 1, "SET", "while", "still") == "OK"
            post(ports[1], "resume", 1)
            assert cli(s.port, "GET", "while") == "still"
            post(ports[1], "pause", 1)
            s.call("--stop", says=["stopped"])  # one that is paused, too
            s.call("--status", says=["node 1", "down"])
        finally:
            keeper.kill()
            keeper.wait()


TESTS = [a_stranger_starts_kills_stops_and_keeps_all_data, a_stranger_s_mistakes_are_explained,
         a_stranger_adds_removes_and_replaces_nodes,
         nodes_die_come_back_stand_still_and_go_on_by_their_pages]
