"""backup_tests.py -- docs/OPERATIONS.md's runbooks for backups: made, restored, restored to a point in time."""
import os
import re
import shutil
import subprocess
import threading
import time

from avow import Client, Cluster, ReplyError

CHECK = os.environ.get("AVOW_CHECK", "./avow-check")


def check(*words, want=0):
    done = subprocess.run([CHECK, *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == want, "%s: %d\n%s%s" % (words, done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def backup(node, directory):
    """RAFT BACKUP's answer as a dictionary."""
    answer = node.call("RAFT", "BACKUP", directory, timeout=120).decode()
    assert answer.startswith("OK "), answer
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", answer)}


class Writer(threading.Thread):
    """Writes steps one after the other, each atomically: SET step:<i>, INCR steps. How many were acknowledged."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.client, self.acknowledged, self.ends, self.slowest = Client(node.address), 0, False, 0.0
        self.failed = None
        self.times = []
        self.start()

    def run(self):
        try:
            while not self.ends:
                began = time.monotonic()
                for words in (["MULTI"], ["SET", "step:%d" % self.acknowledged, "v" * 100], ["INCR", "steps"], ["EXEC"]):
                    self.client.send(*words)
                answers = [self.client.receive() for _ in range(4)]
                assert answers[3][1] == self.acknowledged + 1, answers
                self.acknowledged += 1
                self.times.append(time.monotonic() - began)
        except BaseException as e:  # told by stop()
            self.failed = e

    def stop(self):
        self.ends = True
        self.join()
        self.client.close()
        if self.failed is not None:
            raise self.failed
        return self.acknowledged


def fill(node, prefix, count):
    client = Client(node.address)
    for i in range(count):
        client.send("SET", "%s:%d" % (prefix, i), "value %d " % i + "x" * 1000)
        client.send("RPUSH", "%s:list:%d" % (prefix, i % 50), i)
    for _ in range(2 * count):
        client.receive()
    client.close()


class Restored:
    """with Restored(cluster, backup, options) as node: a server that runs on what was restored."""

    def __init__(self, source, *options):
        self.source, self.options = source, options

    def __enter__(self):
        self.cluster = Cluster(1, namespaces=False)
        self.node = self.cluster.nodes[0]
        self.node.founder = False
        self.node.home = os.path.join(self.cluster.directory, "restored")
        self.said = check("restore", self.source, self.node.home, *self.options)
        assert "sound" in check("verify", self.node.home)
        self.node.start()
        self.cluster.wait_ready(self.node)
        return self.node

    def __exit__(self, kind, value, trace):
        if kind is not None:
            self.cluster.tell_logs()
        try:
            if kind is None:
                self.cluster.check_logs()
        finally:
            self.cluster.close()


def flip(path):
    with open(path, "r+b") as f:
        whole = f.read()
        f.seek(len(whole) // 2)
        f.write(bytes([whole[len(whole) // 2] ^ 0x10]))


def refuses_every_damage(source, directory):
    """Of a copy of the backup: each file, one byte changed; each file gone."""
    copy = os.path.join(directory, "damaged")
    for name in [os.path.relpath(os.path.join(top, f), source) for top, _, files in os.walk(source) for f in files]:
        for harm in (flip, os.unlink):
            shutil.copytree(source, copy)
            harm(os.path.join(copy, name))
            into = os.path.join(directory, "never")
            check("restore", copy, into, want=1)
            assert not os.path.exists(into) and not os.path.exists(into + ".part"), (name, harm)
            if not (name == "MANIFEST" and harm is os.unlink):
                assert "WRONG" in check("verify", copy, want=1), (name, harm)
            shutil.rmtree(copy)


def refuses_places(node, directory):
    link = os.path.join(directory, "link")
    os.symlink("/tmp", link)
    os.makedirs(os.path.join(directory, "used", "by-others"))
    for place in ("relative", node.home, os.path.join(node.home, "backups"), os.path.dirname(node.home), link,
                  os.path.join(directory, "used"), "/no/such/parent", "/", directory + "/..", directory + "/x\ny"):
        try:
            answer = node.call("RAFT", "BACKUP", place)
        except ReplyError as e:
            assert str(e).startswith("ERR "), e
        else:
            raise AssertionError("a backup went to %r: %r" % (place, answer))


def backups_are_made_under_load_and_restored():
    cluster = Cluster(options=["--flush-interval", "1"])
    try:
        cluster.form()
        places = os.path.join(cluster.directory, "backups")
        os.makedirs(places)
        series = os.path.join(places, "series")
        fill(cluster.nodes[0], "first", 8000)
        cluster.check_equal()
        source = cluster.nodes[2]
        source.call("SAVE")
        refuses_places(source, places)

        # Both while writes go on.
        writer = Writer(cluster.nodes[0])
        while writer.acknowledged < 50:
            time.sleep(0.01)
        held = source.call("GET", "steps")
        quiet = len(writer.times)
        first = backup(source, series)
        print("    p99 of %d writes before the backup: %.1f ms, of %d during it: %.1f ms" % (
            quiet, 1000 * sorted(writer.times[:quiet])[quiet * 99 // 100], len(writer.times) - quiet,
            1000 * sorted(writer.times[quiet:])[(len(writer.times) - quiet) * 99 // 100]))
        second = backup(source, series)
        assert second["index"] > first["index"], (first, second)
        assert second["shared"] > second["bytes"] // 2 > 0, second
        wrote = writer.stop()

        # And one of a cluster at rest, by the leader, in a series of its own.
        fill(cluster.nodes[0], "last", 200)
        cluster.check_equal()
        digest = cluster.nodes[0].call("DEBUG", "DIGEST")
        third = backup(source, series)
        other = os.path.join(places, "other")
        backup(cluster.leader(), other)
        assert "sound" in check("verify", series)
        assert "sound" in check("verify", other)
        cluster.check_logs()

        for node in cluster.nodes:
            node.kill()
            shutil.rmtree(node.home)

        with Restored(os.path.join(series, "000001")) as node:
            steps = int(node.call("GET", "steps"))
            assert int(held) <= steps <= wrote, (held, steps, wrote)
            assert node.call("EXISTS", *["step:%d" % i for i in range(steps)]) == steps
            assert node.call("EXISTS", "step:%d" % steps, "last:0") == 0
            assert node.call("GET", "first:7999") == b"value 7999 " + b"x" * 1000
        with Restored(series) as node:
            assert node.call("DEBUG", "DIGEST") == digest
            assert int(node.call("GET", "steps")) == wrote
            assert node.call("SET", "and", "on") == b"OK"
            assert node.call("RAFT", "BACKUP", os.path.join(places, "of the new one")).startswith(b"OK")
            try:
                node.call("RAFT", "BACKUP", series)
                raise AssertionError("another cluster's backup went into the series")
            except ReplyError as e:
                assert "another cluster" in str(e), e
        with Restored(other) as node:
            assert node.call("DEBUG", "DIGEST") == digest
        # To an entry: the third backup's log is not needed, the second's state is not old enough.
        with Restored(series, "--to-index", str(first["index"])) as node:
            assert int(node.call("GET", "steps")) == steps
        check("restore", series, os.path.join(places, "never"), "--to-index", "1", want=1)
        check("restore", series, os.path.join(places, "never"), "--to-index", str(third["index"] + 1), want=1)
        check("restore", series, places, want=1)
        refuses_every_damage(os.path.join(series, "000003"), places)
    except BaseException:
        cluster.tell_logs()
        raise
    finally:
        cluster.close()


TESTS = [backups_are_made_under_load_and_restored]
