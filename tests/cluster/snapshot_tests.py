"""snapshot_tests.py -- logs that are cut, and nodes that catch up by a snapshot.

Small flushes and a small log-keep, so that a node that was away for some megabytes needs one.
AVOW_SNAPSHOT_MB says how many megabytes it misses.
"""
import datetime
import os
import random
import time

from avow import Client, Cluster, ReplyError

MEGABYTES = int(os.environ.get("AVOW_SNAPSHOT_MB", "60"))
OPTIONS = ("--flush-log-bytes", "4mb", "--log-keep", "2mb", "--flush-interval", "5")
VALUE_BYTES = 10000
DISK_BYTES_MAX = 120 << 20 # of a log: what RocksDB keeps in files and buffers, beside log-keep


def write_much(node, megabytes, chance):
    client = Client(node.address, 60)
    value = chance.randbytes(VALUE_BYTES)
    count = megabytes * 1000000 // VALUE_BYTES
    for first in range(0, count, 50):
        some = range(first, min(first + 50, count))
        for i in some:
            client.send("SET", "much:%d:%d" % (chance.randrange(1000000), i), value)
        for _ in some:
            assert client.receive() == b"OK"
    client.close()


def wait_for(what, true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def add(cluster, node):
    end = time.monotonic() + 60
    while True:
        try:
            assert cluster.nodes[0].call("RAFT", "ADD", node.peer_address, timeout=90) == b"OK"
            return
        except ReplyError as e:
            assert time.monotonic() < end, e
            time.sleep(0.25)


def log_says(node, text):
    with open(os.path.join(node.home, "avow.log"), errors="replace") as log:
        return text in log.read()


def log_bytes(node):
    directory = os.path.join(node.home, "log")
    return sum(os.path.getsize(os.path.join(directory, name)) for name in os.listdir(directory))


def a_laggard_and_a_new_node_catch_up_by_snapshots():
    chance = random.Random(1)
    cluster = Cluster(4, namespaces=False, options=OPTIONS)
    late = cluster.nodes.pop()
    try:
        cluster.form()
        laggard = cluster.followers()[0]
        laggard.kill()
        write_much(cluster.leader(), MEGABYTES, chance)
        laggard.start()
        wait_for("the laggard took no snapshot", lambda: log_says(laggard, "a snapshot was installed"))
        cluster.wait_writable()
        cluster.check_equal(60)

        late.start()
        add(cluster, late)
        cluster.nodes.append(late)
        assert log_says(late, "a snapshot was installed"), "the log was not cut"
        cluster.check_equal(60)
        for node in cluster.nodes: # each on its own: what it starts on is what it had
            node.kill()
            node.start()
            cluster.wait_writable()
        cluster.check_equal(60)
        for node in cluster.nodes:
            assert log_bytes(node) < DISK_BYTES_MAX, "node %d: %d bytes of log" % (node.number, log_bytes(node))
        cluster.check_logs()
    except BaseException:
        cluster.tell_logs()
        raise
    finally:
        if late not in cluster.nodes:
            cluster.nodes.append(late)
        cluster.close()


def a_receiver_that_is_killed_again_and_again_catches_up():
    chance = random.Random(2)
    with Cluster(3, namespaces=False, options=OPTIONS) as cluster:
        cluster.form()
        laggard = cluster.followers()[0]
        laggard.kill()
        write_much(cluster.leader(), MEGABYTES, chance)
        for _ in range(8):
            laggard.start()
            time.sleep(chance.random())
            laggard.kill()
        laggard.start()
        cluster.wait_writable()
        cluster.check_equal(60)
        assert log_says(laggard, "a snapshot was installed")
        cluster.check_logs()


def seconds_between(node, first, then):
    """From one line of the node's log to another, each the last of its kind."""
    at = {}
    with open(os.path.join(node.home, "avow.log"), errors="replace") as log:
        for line in log:
            for text in (first, then):
                if text in line:
                    at[text] = datetime.datetime.fromisoformat(line.split()[0].replace("Z", "+00:00"))
    return (at[then] - at[first]).total_seconds()


BEGINS, IS_HERE, IS_IN = "receiving a snapshot", "a snapshot is here", "a snapshot was installed"


def a_snapshot_keeps_to_its_rate_and_does_not_delay_an_end():
    chance = random.Random(3)
    with Cluster(3, namespaces=False, options=OPTIONS + ("--snapshot-rate", "1mb")) as cluster:
        cluster.form()
        leader, laggard = cluster.leader(), cluster.followers()[0]
        laggard.kill()
        write_much(leader, 6, chance)
        time.sleep(6) # a flush
        write_much(leader, 6, chance)
        laggard.start()
        wait_for("no snapshot came", lambda: log_says(laggard, IS_HERE))
        assert seconds_between(laggard, BEGINS, IS_HERE) > 8, "12 MB came faster than 1 MiB a second"
        time.sleep(1)
        assert not log_says(laggard, IS_IN), "12 MB were looked at in a second"
        assert laggard.terminate(5) == 0 # amid looking
        laggard.start()
        for node in cluster.nodes:
            assert node.call("CONFIG", "SET", "snapshot-rate", "100mb") == b"OK"
        wait_for("no snapshot was installed", lambda: log_says(laggard, IS_IN))
        assert seconds_between(laggard, BEGINS, IS_IN) < 8, "it was not faster by CONFIG SET"
        cluster.check_equal(60)
        cluster.check_logs()


def a_snapshot_that_cannot_keep_up_with_the_writes_is_sent_faster():
    chance = random.Random(4)
    options = ("--flush-log-bytes", "4mb", "--log-keep", "1mb", "--flush-interval", "2", "--snapshot-rate", "1mb")
    with Cluster(3, namespaces=False, options=options) as cluster:
        cluster.form()
        leader, laggard = cluster.leader(), cluster.followers()[0]
        write_much(leader, 6, chance)
        laggard.kill()
        write_much(leader, 6, random.Random(4)) # the same keys: the state does not grow
        time.sleep(3)
        write_much(leader, 6, random.Random(4))
        laggard.start()
        end = time.monotonic() + 90
        while not log_says(laggard, IS_IN):
            assert time.monotonic() < end, "no snapshot was ever in before the log pinned too much"
            write_much(leader, 6, random.Random(4)) # 6 MB while one would need six seconds, and six to be looked at
            time.sleep(0.5)
        assert log_says(leader, "a snapshot was not taken"), "it was not too slow at first"
        cluster.check_equal(60)
        cluster.check_logs()


TESTS = [a_laggard_and_a_new_node_catch_up_by_snapshots, a_receiver_that_is_killed_again_and_again_catches_up,
         a_snapshot_keeps_to_its_rate_and_does_not_delay_an_end,
         a_snapshot_that_cannot_keep_up_with_the_writes_is_sent_faster]
