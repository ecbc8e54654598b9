"""operations_tests.py -- the blocks of commands in docs/OPERATIONS.md, run as they stand there.

Each node is a machine: its network namespace, where 127.0.0.1 is it. What is Debian's there (systemctl, apt-get,
runuser, chown) is stood in for by scripts that do the same to the node of the test; paths are the node's.
"""
import os
import re
import shutil
import socket
import subprocess
import threading
import time

from avow import Client, Cluster, ReplyError, Skipped

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "OPERATIONS.md")
HTTP_PORT = 8080
STUBS = {
    "systemctl": '#!/bin/sh\n[ "$2" = avow-server ] && exec %(tell)s "$1"\n',
    "apt-get": "#!/bin/sh\nexec %(tell)s restart\n",  # what the package's scripts do
    "runuser": '#!/bin/sh\n[ "$1 $2 $3" = "-u avow --" ] && shift 3 && exec "$@"\n',
    "chown": '#!/bin/sh\n[ "$1 $2" = "-R avow:avow" ] && test -d "$3"\n',
    "redis-cli": '#!/bin/sh\nexec %(redis_cli)s -e -p 7000 "$@"\n',  # an error of the server is one of the block
    "avow-check": '#!/bin/sh\nexec %(check)s "$@"\n',
    "tell": "#!/usr/bin/env python3\nimport os, socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(os.environ['TELL'])\n"
            "s.sendall(sys.argv[1].encode())\nanswer = s.recv(999).decode()\nsys.exit(answer if answer != 'ok' else 0)\n",
}


def blocks():
    found = re.findall(r"<!-- run: (\S+) -->\n```sh\n(.*?)```\n", open(PAGE).read(), re.S)
    assert len(found) == len(dict(found)), "two blocks of one name"
    return dict(found)


class Machines:
    """with Machines(count, members) as m: a cluster whose nodes take the page's commands; the rest are empty."""

    def __init__(self, count=3, members=3):
        self.count, self.members = count, members

    def __enter__(self):
        self.cluster = Cluster(self.count)
        if not self.cluster.namespaces:
            self.cluster.close()
            raise Skipped("needs network namespaces: root")
        self.nodes = self.cluster.nodes
        self.backups = os.path.join(self.cluster.directory, "backups")
        self.bin = os.path.join(self.cluster.directory, "bin")
        os.mkdir(self.backups)
        os.mkdir(self.bin)
        check = os.path.abspath(os.environ.get("AVOW_CHECK", "./avow-check"))
        for name, text in STUBS.items():
            path = os.path.join(self.bin, name)
            with open(path, "w") as f:
                f.write(text % {"tell": os.path.join(self.bin, "tell"), "redis_cli": shutil.which("redis-cli"), "check": check}
                        if name != "tell" else text)
            os.chmod(path, 0o755)
        for node in self.nodes:
            self.start(node)
        self.cluster.wait_writable(nodes=self.nodes[:1])
        self.nodes[0].founder = False  # the page says to take cluster-init out again
        for node in self.nodes[1:self.members]:
            self.cluster.add(node)
        self.cluster.wait_writable(nodes=self.nodes[:self.members])
        return self

    def __exit__(self, kind, *more):
        try:
            if kind is None:
                self.cluster.check_logs()
        finally:
            self.cluster.__exit__(kind, *more)

    def start(self, node):
        node.start("--bind", node.host, "127.0.0.1", "--http-port", str(HTTP_PORT), "--http-bind", "127.0.0.1")

    def serve(self, listener, node):
        """What the stand-ins ask for, until the block has ended."""
        while True:
            try:
                asked, _ = listener.accept()
            except OSError:
                return
            with asked:
                answer = "ok"
                try:
                    what = asked.recv(99).decode()
                    assert what in ("stop", "start", "restart"), what
                    if what != "start" and node.running():
                        assert node.terminate() == 0
                    if what != "stop":
                        self.start(node)
                except (AssertionError, subprocess.TimeoutExpired) as e:
                    answer = str(e)[:900] or "failed"
                asked.sendall(answer.encode())

    def run(self, name, node, **variables):
        """The page's block on that node's machine; what it printed."""
        text = blocks()[name].replace("/var/lib/avow", node.home).replace("/backups", self.backups)
        path = os.path.join(self.cluster.directory, "tell")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        helper = threading.Thread(target=self.serve, args=(listener, node), daemon=True)
        helper.start()
        try:
            done = subprocess.run(
                ["ip", "netns", "exec", node.namespace, "bash", "-euo", "pipefail", "-c", text], text=True, timeout=180,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=self.cluster.directory,
                env={**os.environ, "PATH": self.bin + ":" + os.environ["PATH"], "TELL": path, **variables})
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            helper.join()
            os.unlink(path)
        assert done.returncode == 0, "%s: %d\n%s\n%s" % (name, done.returncode, text, done.stdout)
        return done.stdout


def the_page_s_blocks_are_all_run():
    tests = open(os.path.abspath(__file__)).read()
    run = set(re.findall(r"\.run\(\"(\w+)\"", tests))
    assert run == set(blocks()), "on the page: %s; run: %s" % (sorted(blocks()), sorted(run))


def the_page_s_users_are_safe():
    with Machines() as m:
        m.run("secure", m.nodes[1], ADMIN_PASSWORD="a", APP_PASSWORD="b", SCRAPER_PASSWORD="c")

        def refused(client, *words):
            try:
                client.call(*words)
            except ReplyError as e:
                return str(e).split()[0]
            return None

        for node in m.nodes:
            assert refused(Client(node.address), "GET", "x") == "NOAUTH"
            users = {}
            for user, password in (("admin", "a"), ("app", "b"), ("scraper", "c")):
                users[user] = Client(node.address)
                assert refused(users[user], "AUTH", user, "wrong") == "WRONGPASS"
                assert users[user].call("AUTH", user, password) == b"OK"
            assert users["app"].call("SET", "k", "v") == b"OK"
            for words in (["CONFIG", "SET", "timeout", "1"], ["FLUSHALL"], ["RAFT", "REMOVE", "1"], ["ACL", "LIST"]):
                assert refused(users["app"], *words) == "NOPERM", words
            assert refused(users["scraper"], "GET", "k") == "NOPERM"
            assert b"raft_role" in users["scraper"].call("INFO")
            assert users["admin"].call("CONFIG", "SET", "timeout", "0") == b"OK"


def the_page_s_upgrade_is_not_noticed():
    with Machines() as m:
        leader = m.cluster.leader()
        client, done = Client(leader.address), 0
        for node in [n for n in m.nodes if n is not leader] + [leader]:
            if node is leader:
                client = Client(m.nodes[leader.number % 3].address)
            stop, errors = threading.Event(), []

            def write(client=client, stop=stop, errors=errors):
                nonlocal done
                while not stop.is_set():
                    try:
                        assert client.call("SET", "upgrade:%d" % done, done) == b"OK"
                        done += 1
                    except (ReplyError, OSError, AssertionError) as e:
                        errors.append(e)
                        return

            thread = threading.Thread(target=write, daemon=True)
            thread.start()
            boot = node.info("raft")["raft_boot"]
            assert "ready" in m.run("upgrade", node)
            assert int(node.info("raft")["raft_boot"]) == int(boot) + 1
            assert node.call("GET", "upgrade:0") == b"0"
            stop.set()
            thread.join()
            assert not errors, errors
        assert done > 10
        assert m.nodes[0].call("GET", "upgrade:%d" % (done - 1)) == b"%d" % (done - 1)


def the_page_s_replacement_takes_the_place_of_a_dead_node():
    with Machines(4) as m:
        m.nodes[0].call("SET", "kept", "1")
        dead, new = m.nodes[2], m.nodes[3]
        number = dead.info("raft")["raft_node_id"]
        dead.kill()
        new.founder = False
        said = m.run("replace", m.nodes[1], NODE=number, NEW=new.peer_address)
        assert "raft_voters:3" in said and new.peer_address in said and "raft_peer_%s:" % number not in said, said
        m.cluster.wait_ready(new)
        assert new.call("GET", "kept") == b"1"
        m.nodes[0].kill()  # the new one is half of the majority
        m.cluster.wait_writable(nodes=[m.nodes[1], new])
        dead.start()  # refused
        time.sleep(1)
        try:
            raise AssertionError("the replaced node answers %r" % dead.call("GET", "kept"))
        except ReplyError as e:
            assert str(e).startswith(("LOADING", "CLUSTERDOWN")), e


def the_page_s_recovery_and_restore():
    with Machines() as m:
        first, others = m.nodes[0], m.nodes[1:]
        first.call("SET", "kept", "1")
        assert "sound" in m.run("backup", first)
        first.call("SET", "later", "2")
        m.cluster.check_equal()
        for node in others:
            node.kill()
        assert "Nothing was changed" in m.run("recover", first)
        m.cluster.wait_ready(first)
        assert first.call("GET", "later") == b"2"
        for node in others:
            m.run("empty", node)
            m.run("add", first, NEW=node.peer_address)
        m.cluster.wait_writable()
        assert [node.call("GET", "later") for node in m.nodes] == [b"2"] * 3
        # Everything is gone wrong; back to the backup.
        first.call("FLUSHALL")
        m.run("restore", first)
        m.cluster.wait_ready(first)
        assert first.call("GET", "kept") == b"1" and first.call("GET", "later") is None
        for node in others:
            m.run("empty", node)
            m.run("add", first, NEW=node.peer_address)
        m.cluster.wait_writable()
        assert [node.call("GET", "kept") for node in m.nodes] == [b"1"] * 3


TESTS = [the_page_s_blocks_are_all_run, the_page_s_users_are_safe, the_page_s_upgrade_is_not_noticed,
         the_page_s_replacement_takes_the_place_of_a_dead_node, the_page_s_recovery_and_restore]
