"""disk_tests.py -- a disk that is nearly full: writes are refused in time, nothing is lost, and all
goes on by itself when there is room again. Small disks are tmpfs mounts: root only."""
import os
import tempfile
import time

from avow import Client, Cluster, ReplyError, Skipped, is_sanitized, run, run_quietly

SMALL = ["--disk-reserve", "128mb", "--cache-size", "32mb"]
VALUE = 100000


def mount(path, size):
    return os.geteuid() == 0 and run_quietly("mount", "-t", "tmpfs", "-o", "size=%dm" % size, "tmpfs", path)


def needs_mounts(test):
    def wrapped():
        with tempfile.TemporaryDirectory() as d:
            if not mount(d, 1):
                raise Skipped("no root, or no mounts here")
            run("umount", d)
        test()
    wrapped.__name__ = test.__name__
    return wrapped


class SmallDisk:
    """A tmpfs of some MiB at path, for the time of a with."""

    def __init__(self, path, size):
        self.path, self.size = path, size

    def __enter__(self):
        if not mount(self.path, self.size):
            raise AssertionError("cannot mount a small disk on " + self.path)
        return self

    def resize(self, size):
        run("mount", "-o", "remount,size=%dm" % size, self.path)

    def take(self, left):
        """Somebody else's file takes all but left MiB: what RocksDB gives back changes no level then."""
        info = os.statvfs(self.path)
        size = info.f_bavail * info.f_frsize - (left << 20)
        with open(os.path.join(self.path, "somebody-else-s"), "wb") as f:
            if size > 0:
                os.posix_fallocate(f.fileno(), 0, size)

    def give(self):
        os.unlink(os.path.join(self.path, "somebody-else-s"))

    def __exit__(self, *exception):
        for _ in range(100):
            if run_quietly("umount", self.path):
                return False
            time.sleep(0.05)
        raise AssertionError("cannot umount " + self.path)


def error_of(node, *words):
    try:
        return "no error but %r" % node.call(*words)
    except ReplyError as e:
        return str(e)


def fill(node, first, count):
    """SETs until one is refused. (numbers of those acknowledged, text of the refusal or None)"""
    acknowledged = []
    client = Client(node.address)
    for i in range(first, first + count):
        try:
            assert client.call("SET", "fill:%d" % i, os.urandom(VALUE)) == b"OK"
            acknowledged.append(i)
        except ReplyError as e:
            client.close()
            return acknowledged, str(e)
    client.close()
    return acknowledged, None


def assert_all_there(node, numbers):
    for i in numbers:
        value = node.call("GET", "fill:%d" % i)
        assert value is not None and len(value) == VALUE, "fill:%d is %r" % (i, value and len(value))


def wait_written(node, seconds):
    seconds *= 4 if is_sanitized() else 1  # the log that a full node missed is not small
    end = time.monotonic() + seconds
    while error_of(node, "SET", "again", "1") != "no error but b'OK'":
        assert time.monotonic() < end, error_of(node, "SET", "again", "1") + "\n" + node.log_tail()
        time.sleep(0.05)


@needs_mounts
def a_full_disk_refuses_writes_and_loses_nothing():
    cluster = Cluster(count=1, namespaces=False)
    node = cluster.nodes[0]
    with SmallDisk(node.home, 640) as disk:
        try:
            cluster.form()
            acknowledged, refused = fill(node, 0, 4000)
            assert len(acknowledged) > 500, "%d writes went in" % len(acknowledged)
            assert refused is not None and refused.startswith("MISCONF"), "%r\n%s" % (refused, node.log_tail())
            assert node.running(), "the node ended:\n" + node.log_tail()

            assert error_of(node, "INCR", "counter").startswith("MISCONF")
            client = Client(node.address)
            assert client.call("MULTI") == b"OK"
            try:
                raise AssertionError("queued: %r" % client.call("SET", "a", "1"))
            except ReplyError as e:
                assert str(e).startswith("MISCONF")
            try:
                raise AssertionError("executed: %r" % client.call("EXEC"))
            except ReplyError as e:
                assert str(e).startswith("EXECABORT")
            client.close()
            assert node.call("DEL", "fill:%d" % acknowledged.pop(0)) == 1, "a delete was refused"
            assert node.info("raft")["raft_disk_space"] == "low"
            assert_all_there(node, acknowledged[-3:])

            assert node.terminate() == 0, "SIGTERM on a full disk:\n" + node.log_tail()
            node.start()
            cluster.wait_ready(node)
            more, refused = fill(node, 50000, 4000)  # the log may have been cut at the end: some room again
            acknowledged += more
            assert refused is not None and refused.startswith("MISCONF"), refused
            node.kill()
            node.start()
            cluster.wait_ready(node)
            assert_all_there(node, acknowledged)
            assert node.call("GET", "fill:0") is None, "a deleted key came back"

            disk.resize(1200)
            wait_written(node, 3)
            more, _ = fill(node, 100000, 100)
            assert len(more) == 100
            assert_all_there(node, acknowledged + more)
            cluster.check_logs()
        except BaseException:
            cluster.tell_logs()
            raise
        finally:
            cluster.close()


@needs_mounts
def a_leader_with_a_full_disk_hands_over_and_catches_up_later():
    cluster = Cluster(options=SMALL)
    first = cluster.nodes[0]
    with SmallDisk(first.home, 320) as disk:
        try:
            cluster.form()
            assert cluster.leader() is first
            acknowledged, refused = [], []
            for burst in range(12):  # through another node, which has room: a hand-over may refuse for a moment
                numbers, error = fill(cluster.nodes[1], burst * 200, 200)
                acknowledged += numbers
                if error is not None:
                    assert error.startswith("MISCONF"), error
                    refused.append(error)
                    wait_written(cluster.nodes[1], 5)
            assert len(refused) <= 3, "%d refusals, though a majority has room" % len(refused)
            assert first.running(), "the node with the full disk ended:\n" + first.log_tail()
            assert cluster.leader() is not first, "the node with the full disk still leads"
            assert first.info("raft")["raft_disk_space"] == "none", first.info("raft")
            assert error_of(first, "SET", "x", "1").startswith("MISCONF")
            assert_all_there(cluster.nodes[2], acknowledged[-20:])

            disk.resize(2000)
            wait_written(first, 30)
            cluster.check_equal(60)
            assert_all_there(first, acknowledged[:: len(acknowledged) // 50])
            cluster.check_logs()
        except BaseException:
            cluster.tell_logs()
            raise
        finally:
            cluster.close()


@needs_mounts
def a_disk_that_fills_while_the_log_is_given_back_does_not_end_the_node():
    """Sizes at which the reserve is reached while RocksDB writes what stays of the log anew."""
    for size in (377, 390):
        cluster = Cluster(options=SMALL)
        first = cluster.nodes[0]
        with SmallDisk(first.home, size) as disk:
            try:
                cluster.form()
                for burst in range(12):
                    _, error = fill(cluster.nodes[1], burst * 200, 200)
                    if error is not None:
                        assert error.startswith("MISCONF"), error
                        wait_written(cluster.nodes[1], 5)
                    assert first.running(), "%d MiB: the node ended:\n%s" % (size, first.log_tail())
                disk.resize(2000)
                wait_written(first, 30)
                cluster.check_equal(60)
            except BaseException:
                cluster.tell_logs()
                raise
            finally:
                cluster.close()


@needs_mounts
def two_full_disks_of_three_refuse_writes_until_there_is_room():
    cluster = Cluster(options=SMALL)
    small = cluster.nodes[1:]
    with SmallDisk(small[0].home, 320) as one, SmallDisk(small[1].home, 320) as other:
        try:
            cluster.form()
            acknowledged, refused, through = [], None, cluster.nodes[0]
            for burst in range(12):
                numbers, error = fill(through, burst * 200, 200)
                acknowledged += numbers
                refused = error or refused
                if error is not None and not numbers:
                    break
            assert refused is not None and refused.startswith("MISCONF"), refused
            time.sleep(1)  # RocksDB ends what it was at
            for disk in (one, other):
                disk.take(72)  # far from 128, the reserve, and from what a node needs to go on
            time.sleep(1)  # longer than levels take to be seen and told
            for node in cluster.nodes:  # also where there is room: a majority has none
                assert node.running(), "node %d ended:\n%s" % (node.number, node.log_tail())
                assert error_of(node, "SET", "x", "1").startswith("MISCONF"), error_of(node, "SET", "x", "1")
            cluster.leader()
            assert_all_there(through, acknowledged[-20:])
            assert_all_there(small[0], acknowledged[:: len(acknowledged) // 10])

            for node in small:  # an operator restarts them, which is no help
                node.kill()
                node.start()
                cluster.wait_ready(node)
            assert_all_there(small[1], acknowledged[-5:])

            one.give()
            one.resize(2000)  # one more with room is a majority
            wait_written(through, 30)
            other.give()
            other.resize(2000)
            wait_written(small[1], 30)
            cluster.check_equal(60)
            assert_all_there(small[1], acknowledged[:: len(acknowledged) // 50])
            cluster.check_logs()
        except BaseException:
            cluster.tell_logs()
            raise
        finally:
            cluster.close()


def a_reserve_that_is_not_there_stops_writes_alone():
    cluster = Cluster(count=1, namespaces=False)
    node = cluster.nodes[0]
    try:
        cluster.form()
        assert node.terminate() == 0
        node.start("--disk-reserve", "1000000gb")
        cluster.wait_ready(node)
        assert node.call("GET", "formed") == b"1"
        for words in (("SET", "a", "1"), ("DEL", "formed"), ("FLUSHALL",), ("SAVE",)):
            assert error_of(node, *words).startswith("MISCONF"), error_of(node, *words)
        assert node.terminate() == 0
        node.start()
        cluster.wait_writable()
        assert node.call("GET", "formed") == b"1"
        cluster.check_logs()
    finally:
        cluster.close()


TESTS = [
    a_full_disk_refuses_writes_and_loses_nothing, a_leader_with_a_full_disk_hands_over_and_catches_up_later,
    a_disk_that_fills_while_the_log_is_given_back_does_not_end_the_node,
    two_full_disks_of_three_refuse_writes_until_there_is_room, a_reserve_that_is_not_there_stops_writes_alone,
]
