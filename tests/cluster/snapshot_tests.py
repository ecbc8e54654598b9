"""snapshot_tests.py -- logs that are cut, and nodes that catch up by a snapshot.

Small flushes and a small log-keep, so that a node that was away for some megabytes needs one.
AVOW_SNAPSHOT_MB says how many megabytes it misses.
"""
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


TESTS = [a_laggard_and_a_new_node_catch_up_by_snapshots, a_receiver_that_is_killed_again_and_again_catches_up]
