"""block_tests.py -- clients that wait (BLPOP) while nodes die: what is pushed goes to the living, and
who waits is served whoever leads."""
import time

from avow import Client, Cluster, ReplyError

CLIENTS = 100


class Waiting:
    """A client that has sent its BLPOP."""

    def __init__(self, node, timeout="0", key="queue"):
        self.node = node
        self.client = Client(node.address, 60)
        self.client.send("BLPOP", key, timeout)

    def reply(self):
        reply = self.client.receive()
        self.client.close()
        return reply


def blocked(node):
    return int(node.info("clients")["blocked_clients"])


def wait_blocked(node, count, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if blocked(node) == count:
            return
        time.sleep(0.02)
    raise AssertionError("node %d has %d blocked clients, not %d" % (node.number, blocked(node), count))


def with_cluster(scenario):
    with Cluster() as cluster:
        cluster.form()
        scenario(cluster)
        cluster.restart_dead()
        cluster.check_equal()
        cluster.check_logs()


def push_all(node, count):
    for i in range(count):
        node.call("RPUSH", "queue", "element:%d" % i)


def pop_what_was_pushed(node, living, count):
    """As many as were pushed are answered, each with another element; none is left over."""
    replies = [w.reply() for w in living]
    elements = sorted(reply[1] for reply in replies)
    wanted = sorted(b"element:%d" % i for i in range(count))
    assert elements == wanted, "not each element once: %r" % (set(wanted) ^ set(elements))
    assert node.call("LLEN", "queue") == 0


def none_of_a_hundred_is_popped_for_the_dead():
    def scenario(cluster):
        victim = cluster.followers()[0]
        others = [node for node in cluster.nodes if node is not victim]
        dead = [Waiting(victim) for _ in range(CLIENTS)]
        wait_blocked(victim, CLIENTS)
        living = [Waiting(others[i % 2]) for i in range(CLIENTS)]
        for node in others:
            wait_blocked(node, CLIENTS // 2)
        victim.kill()
        time.sleep(2)  # some election timeouts: the leader has noticed
        push_all(others[0], CLIENTS)
        pop_what_was_pushed(others[0], living, CLIENTS)
        for w in dead:
            w.client.close()
    with_cluster(scenario)


def a_quick_restart_serves_nobody_of_the_former_life():
    def scenario(cluster):
        victim = cluster.followers()[0]
        other = cluster.leader()
        dead = [Waiting(victim) for _ in range(CLIENTS)]
        wait_blocked(victim, CLIENTS)
        living = [Waiting(other) for _ in range(CLIENTS)]
        wait_blocked(other, CLIENTS)
        victim.kill()
        victim.start()
        cluster.wait_writable(nodes=[victim])
        time.sleep(0.5)
        push_all(victim, CLIENTS)
        pop_what_was_pushed(other, living, CLIENTS)
        for w in dead:
            w.client.close()
    with_cluster(scenario)


def who_waits_is_served_after_the_leader_was_killed():
    def scenario(cluster):
        leader = cluster.leader()
        followers = [node for node in cluster.nodes if node is not leader]
        living = [Waiting(followers[i % 2], "60") for i in range(CLIENTS)]
        for node in followers:
            wait_blocked(node, CLIENTS // 2)
        leader.kill()
        cluster.wait_writable(nodes=followers)
        push_all(followers[1], CLIENTS)
        pop_what_was_pushed(followers[0], living, CLIENTS)
    with_cluster(scenario)


def without_a_majority_the_end_of_the_time_is_answered():
    def scenario(cluster):
        alone = cluster.followers()[0]
        limited, endless = Waiting(alone, "1"), Waiting(alone)
        wait_blocked(alone, 2)
        for node in cluster.nodes:
            if node is not alone:
                node.kill()
        begun = time.monotonic()
        try:
            reply = limited.reply()
        except ReplyError as e:
            reply = str(e)
        assert "UNCERTAIN" in str(reply), reply
        assert time.monotonic() - begun < 9
        cluster.restart_dead()
        cluster.wait_writable()
        wait_blocked(alone, 1)
        time.sleep(6)  # what stood of the first is gone
        cluster.nodes[0].call("RPUSH", "queue", "element:0")
        assert endless.reply() == [b"queue", b"element:0"]
    with_cluster(scenario)


def error_of(client):
    try:
        return repr(client.receive())
    except ReplyError as e:
        return str(e)


def a_client_of_another_node_is_unblocked():
    """Wherever it waits: in the state (BLPOP), or in its own node's memory alone (XREAD, WAIT)."""
    def scenario(cluster):
        a, b = cluster.followers()[:2]
        for words in (("BLPOP", "queue", "0"), ("XREAD", "BLOCK", "0", "STREAMS", "s", "$"), ("WAIT", "9", "0")):
            for asks in (a, b):
                client = Client(a.address, 30)
                number = str(client.call("CLIENT", "ID"))
                client.call("SET", "k", "v")  # WAIT has something to wait for
                client.send(*words)
                wait_blocked(a, 1)
                assert asks.call("CLIENT", "UNBLOCK", number, "ERROR") == 1
                assert "UNBLOCKED" in error_of(client), words
                assert asks.call("CLIENT", "UNBLOCK", number) == 0
                client.send(*words)
                wait_blocked(a, 1)
                time.sleep(0.2)  # by now WAIT's node was told that both others have it
                assert asks.call("CLIENT", "UNBLOCK", number) == 1
                assert error_of(client) == ("2" if words[0] == "WAIT" else "None"), words
                assert asks.call("CLIENT", "KILL", "ID", number) == 1
                try:
                    client.call("PING")
                    raise AssertionError("it was killed")
                except (OSError, EOFError):
                    client.close()
                assert asks.call("CLIENT", "KILL", "ID", number) == 0
    with_cluster(scenario)


TESTS = [none_of_a_hundred_is_popped_for_the_dead, a_quick_restart_serves_nobody_of_the_former_life,
         who_waits_is_served_after_the_leader_was_killed,
         without_a_majority_the_end_of_the_time_is_answered, a_client_of_another_node_is_unblocked]
