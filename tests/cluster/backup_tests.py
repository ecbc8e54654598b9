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

    def __exit__(self, kind, *more):
        try:
            if kind is None:
                self.cluster.check_logs()
        finally:
            self.cluster.__exit__(kind, *more)


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
    with Cluster(options=["--flush-interval", "1"]) as cluster:
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
        leader = cluster.leader()
        backup(leader, other)  # on a fast machine it may never have flushed by now: it does that itself
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


def archived(node, index, seconds=30):
    """Waits until the node has archived its log up to there."""
    end = time.monotonic() + seconds
    while int(node.info("raft")["raft_archive_index"]) < index:
        assert time.monotonic() < end, node.info("raft")
        time.sleep(0.05)


def any_point_is_restored():
    with Cluster(options=["--flush-interval", "1", "--log-keep", "1mb", "--archive-interval", "1"]) as cluster:
        archive = os.path.join(cluster.directory, "archive")
        series = os.path.join(cluster.directory, "series")
        cluster.options += ["--archive-dir", archive]
        cluster.form()
        source = cluster.nodes[1]
        fill(cluster.nodes[0], "first", 500)
        cluster.check_equal()
        source.call("SAVE")
        backup(source, series)

        # Points to come back to: what was there, at which entry, at which time. Behind each, much is overwritten, and
        # the log is cut.
        points = []
        for i in range(4):
            fill(cluster.nodes[0], "between", 3000)
            cluster.nodes[0].call("SET", "point", i)
            cluster.nodes[0].call("HSET", "hash", "field%d" % i, i)
            index, _ = cluster.check_equal()
            time.sleep(0.5)
            points.append((index, time.time(), source.call("DEBUG", "DIGEST")))
            time.sleep(0.5)
            for node in cluster.nodes:
                archived(node, index)
                node.call("SAVE")
            if i == 1:
                backup(cluster.nodes[2], series)
        cluster.nodes[0].call("FLUSHALL")
        last, _ = cluster.check_equal()
        for node in cluster.nodes:
            archived(node, last)
            end = time.monotonic() + 20
            while int(node.info("raft")["raft_log_first_index"]) < points[2][0]:
                assert time.monotonic() < end, node.info("raft")
                node.call("SAVE")
                time.sleep(0.2)
            assert node.info("raft")["raft_archive_gaps"] == "0"
        cluster.check_logs()
        for node in cluster.nodes:
            node.kill()
            shutil.rmtree(node.home)

        def holds(i, *options):
            with Restored(*options) as node:
                assert node.call("DEBUG", "DIGEST") == points[i][2], (i, options)
                assert node.call("GET", "point") == b"%d" % i
                assert node.call("HLEN", "hash") == i + 1

        oldest = os.path.join(series, "000001")
        as_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(points[2][1])) + ".%03dZ" % (points[2][1] % 1 * 1000)
        holds(3, oldest, "--archive", archive, "--to-index", str(points[3][0]))
        holds(0, series, "--archive", os.path.join(archive, "node-3"), "--to-index", str(points[0][0]))
        holds(1, oldest, "--archive", archive, "--to-time", str(int(points[1][1] * 1000)))
        holds(2, series, "--archive", archive, "--to-time", as_text)
        with Restored(series, "--archive", archive) as node:  # everything, the mistake too
            assert node.call("DBSIZE") <= 1

        # A hole is not passed over: one segment of each node is lost.
        for name in os.listdir(archive):
            held = sorted(os.listdir(os.path.join(archive, name)))
            for segment in held:
                first_index, last_index = (int(n) for n in re.findall(r"-(\d{20})", segment))
                if first_index <= points[2][0] <= last_index:
                    os.unlink(os.path.join(archive, name, segment))
        never = os.path.join(cluster.directory, "never")
        for point in (["--to-index", str(points[3][0])], ["--to-time", as_text], []):
            said = check("restore", oldest, never, "--archive", archive, *point, want=1)
            assert "are missing" in said, said
        hole = int(re.search(r"--to-index (\d+)", said).group(1))
        with Restored(oldest, "--archive", archive, "--to-index", str(hole)) as node:
            assert node.call("GET", "point") in (b"1", b"2")
        assert points[1][0] <= hole < points[2][0]


def a_snapshot_calls_a_backup_off():
    with Cluster(namespaces=False, options=["--flush-interval", "1", "--log-keep", "1mb", "--backup-rate", "1mb"]) as cluster:
        cluster.form()
        series = os.path.join(cluster.directory, "series")
        client = Client(cluster.nodes[0].address)
        for i in range(100):  # does not compress: a backup takes ten seconds
            client.call("SET", "bulk:%d" % i, os.urandom(100000))
        client.close()
        cluster.check_equal()
        late = cluster.nodes[2]
        late.call("SAVE")
        late.kill()
        fill(cluster.nodes[0], "missed", 3000)
        for node in cluster.nodes[:2]:
            node.call("SAVE")
        late.start()
        try:
            answer = late.call("RAFT", "BACKUP", series, timeout=60)
            raise AssertionError("nothing called it off: %r" % answer)
        except ReplyError as e:
            assert "gets a snapshot" in str(e), e
        cluster.check_equal()
        end = time.monotonic() + 10  # INFO tells what the consensus half has mailed last
        while late.info("raft")["raft_snapshots_installed"] == "0":
            assert time.monotonic() < end, "no snapshot was installed"
            time.sleep(0.05)
        assert os.listdir(series) == ["SERIES"]
        try:  # one at a time
            first = Client(late.address)
            first.send("RAFT", "BACKUP", series)
            while late.info("raft")["raft_backup_ms"] == "0":
                time.sleep(0.01)
            first.close()
            late.call("RAFT", "BACKUP", series)
            raise AssertionError("two at once")
        except ReplyError as e:
            assert "under way" in str(e), e
        # Nobody waits for its answer, but it is made.
        end = time.monotonic() + 60
        while late.info("raft")["raft_backups"] == "0":
            assert time.monotonic() < end, late.info("raft")
            time.sleep(0.1)
        assert "sound" in check("verify", series)
        cluster.check_logs()


def an_archive_that_cannot_be_written_is_told():
    with Cluster(1, namespaces=False, options=["--flush-interval", "1", "--log-keep", "1mb", "--archive-interval", "1"]) as cluster:
        node = cluster.nodes[0]
        archive = os.path.join(cluster.directory, "archive")
        open(archive, "w").close()  # a file is in the way
        cluster.options += ["--archive-dir", archive]
        node.start()
        cluster.wait_writable()
        fill(node, "kept", 3000)
        end = time.monotonic() + 20
        while b"has not been archived" not in node.call("RAFT", "DOCTOR"):
            assert time.monotonic() < end, node.call("RAFT", "DOCTOR")
            time.sleep(0.1)
        node.call("SAVE")
        time.sleep(1)
        assert node.info("raft")["raft_log_first_index"] == "1"  # nothing is lost yet
        os.unlink(archive)
        archived(node, int(node.info("raft")["raft_commit_index"]))
        assert b"archived" not in node.call("RAFT", "DOCTOR")

        # For so long that the log is cut all the same: the gap is told, by the next life too.
        shutil.move(archive, archive + ".away")
        open(archive, "w").close()
        end = time.monotonic() + 60
        while node.info("raft")["raft_archive_gaps"] == "0":
            assert time.monotonic() < end, node.info("raft")
            fill(node, "lost", 4000)
            node.call("SAVE")
            if int(node.info("raft")["raft_log_first_index"]) > 1 and os.path.isfile(archive):
                time.sleep(1)
        lacks = re.search(rb"lacks entries .*", node.call("RAFT", "DOCTOR")).group(0)
        os.unlink(archive)
        shutil.move(archive + ".away", archive)
        archived(node, int(node.info("raft")["raft_commit_index"]))
        cluster.check_logs()
        assert node.terminate() == 0
        node.start()
        cluster.wait_writable()
        archived(node, int(node.info("raft")["raft_commit_index"]))
        assert lacks in node.call("RAFT", "DOCTOR"), node.call("RAFT", "DOCTOR")


TESTS = [backups_are_made_under_load_and_restored, a_snapshot_calls_a_backup_off, any_point_is_restored,
         an_archive_that_cannot_be_written_is_told]
