"""pubsub_tests.py -- messages between the nodes of a cluster, and what they know of each other's subscribers."""
import time

from avow import Client, Cluster


def with_cluster(test):
    def wrapped():
        cluster = Cluster(namespaces=False)
        try:
            cluster.form()
            test(cluster)
            cluster.check_logs()
        finally:
            cluster.close()
    wrapped.__name__ = test.__name__
    return wrapped


def subscribe(node, word, *names):
    client = Client(node.address)
    client.send(word, *names)
    for _ in names:
        client.receive()
    return client


def wait_count(node, channel, want, seconds=10):
    end = time.time() + seconds
    while time.time() < end:
        got = node.call("PUBSUB", "NUMSUB", channel)[1]
        if got == want:
            return
        time.sleep(0.01)
    raise AssertionError("node %d says %d subscribers of %s, not %d" % (node.number, got, channel, want))


def wait_patterns(node, want, seconds=10):
    end = time.time() + seconds
    while node.call("PUBSUB", "NUMPAT") != want:
        assert time.time() < end, "node %d does not learn of the %d patterns" % (node.number, want)
        time.sleep(0.01)


@with_cluster
def a_message_comes_behind_what_it_speaks_of(cluster):
    a, others = cluster.nodes[0], cluster.nodes[1:]
    listeners = [(node, subscribe(node, "SUBSCRIBE", "news")) for node in cluster.nodes]
    for node in cluster.nodes:
        wait_count(node, "news", 3)
    writer = Client(a.address)
    readers = [Client(node.address) for node in others]
    for i in range(300):
        writer.call("SET", "version", i)
        if i % 3 == 0:  # through the log
            for words in (("MULTI",), ("SET", "version", i), ("PUBLISH", "news", i)):
                writer.call(*words)
            count = writer.call("EXEC")[1]
        else:
            count = writer.call("PUBLISH", "news", i)
        assert count == 3, "published to %d" % count
        for (node, listener), reader in zip(listeners[1:], readers):
            message = listener.receive()
            assert message == [b"message", b"news", b"%d" % i], "node %d heard %r" % (node.number, message)
            got = int(reader.call("GET", "version"))
            assert got >= i, "node %d heard of %d and reads %d" % (node.number, i, got)
    for i in range(300):
        assert listeners[0][1].receive()[2] == b"%d" % i


@with_cluster
def messages_of_one_publisher_keep_their_order(cluster):
    listeners = [subscribe(node, "PSUBSCRIBE", "n*") for node in cluster.nodes]
    writer = Client(cluster.nodes[1].address)
    for i in range(5000):
        writer.send("PUBLISH", "news", i)
    for i in range(5000):
        writer.receive()
    for listener in listeners:
        for i in range(5000):
            assert listener.receive() == [b"pmessage", b"n*", b"news", b"%d" % i]


@with_cluster
def counts_follow_subscribers_and_nodes(cluster):
    a, b, c = cluster.nodes
    first = subscribe(b, "SUBSCRIBE", "x", "y")
    second = subscribe(c, "SUBSCRIBE", "x")
    subscribe_pattern = subscribe(c, "PSUBSCRIBE", "*")
    wait_count(a, "x", 2)
    wait_count(a, "y", 1)
    assert sorted(a.call("PUBSUB", "CHANNELS")) == [b"x", b"y"]
    wait_patterns(a, 1)
    assert a.call("PUBLISH", "x", "1") == 3
    second.close()
    wait_count(a, "x", 1)
    wait_count(b, "x", 1)
    b.kill()
    for node in (a, c):
        wait_count(node, "x", 0)
        wait_count(node, "y", 0)
    b.start()
    cluster.wait_writable()
    assert b.call("PUBSUB", "NUMSUB", "x") == [b"x", 0]
    wait_patterns(b, 1)  # it is told anew
    third = subscribe(b, "SUBSCRIBE", "x")
    wait_count(c, "x", 1)
    assert c.call("PUBLISH", "x", "2") == 2
    assert third.receive() == [b"message", b"x", b"2"]
    first.close()
    subscribe_pattern.close()


TESTS = [a_message_comes_behind_what_it_speaks_of, messages_of_one_publisher_keep_their_order,
         counts_follow_subscribers_and_nodes]
