"""digest_tests.py -- a state that changes by itself on one node is found, and the node healed; what
RAFT DOCTOR says.

DEBUG DAMAGE changes a bit of a row on one node alone, as memory or a disk that lies would."""
import time

from avow import Client, Cluster, ReplyError


def count_up(node, times):
    client = Client(node.address)
    for _ in range(times):
        client.call("INCR", "counter")
    client.close()


def wait_for(what, true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def damage(cluster, node):
    count_up(cluster.nodes[0], 20)
    right = cluster.nodes[0].call("GET", "counter")
    assert node.call("GET", "counter") == right
    assert node.call("DEBUG", "DAMAGE", "counter") == b"OK"
    assert node.call("GET", "counter") != right


def a_node_whose_state_differs_is_quarantined_until_it_is_replaced():
    with Cluster(3, options=("--digest-every", "8")) as cluster:
        cluster.form()
        bad = cluster.leader()  # it has to hand over first
        good = [n for n in cluster.nodes if n is not bad]
        damage(cluster, bad)
        old = bad.info("raft")["raft_node_id"]
        count_up(good[0], 40)
        wait_for("quarantine", lambda: bad.info("raft")["raft_service"] == "quarantined")
        assert cluster.leader() is not bad
        assert b"quarantined" in bad.call("RAFT", "DOCTOR")
        assert b"state differs" in cluster.leader().call("RAFT", "DOCTOR")
        for restart in (False, True):
            if restart:
                bad.kill()
                bad.start()
            wait_for("quarantine", lambda: bad.info("raft").get("raft_service") == "quarantined")
            for words in (("GET", "counter"), ("SET", "a", "1"), ("INCR", "counter")):
                try:
                    raise AssertionError("a quarantined node answers %r" % bad.call(*words))
                except ReplyError as e:
                    assert "CLUSTERDOWN" in str(e) and "quarantined" in str(e), e
        count_up(good[1], 10)
        bad.kill()
        bad.wipe()
        bad.start()
        time.sleep(1)
        assert good[0].call("RAFT", "REPLACE", old, bad.peer_address, timeout=60) == b"OK"
        cluster.wait_writable()
        assert bad.info("raft")["raft_node_id"] != old
        wait_for("health", lambda: b"Nothing is wrong" in cluster.leader().call("RAFT", "DOCTOR"))
        cluster.check_equal()
        cluster.check_logs()


def with_auto_heal_a_node_whose_state_differs_comes_back_as_a_new_one():
    with Cluster(3, options=("--digest-every", "8", "--auto-heal", "yes")) as cluster:
        cluster.form()
        for bad in (cluster.leader(), cluster.nodes[0]):  # the founder among them
            old = bad.info("raft")["raft_node_id"]
            good = [n for n in cluster.nodes if n is not bad]
            damage(cluster, bad)
            count_up(good[0], 40)

            def is_back():
                try:
                    info = bad.info("raft")
                    return info["raft_node_id"] not in (old, "0") and info["raft_service"] == "full" and \
                        bad.call("GET", "counter") == good[0].call("GET", "counter")
                except (ReplyError, OSError, KeyError):
                    return False
            wait_for("node %d is back" % bad.number, is_back)
            cluster.wait_writable()
            assert good[0].info("raft")["raft_voters"] == "3"
        cluster.check_equal()
        cluster.check_logs()


def the_doctor_says_what_is_wrong():
    with Cluster(3) as cluster:
        cluster.nodes[0].start()
        cluster.wait_writable(nodes=cluster.nodes[:1])
        cluster.nodes[1].start()
        assert b"belongs to no cluster" in cluster.nodes[1].call("RAFT", "DOCTOR")
        cluster.add(cluster.nodes[1])
        assert b"two voters" in cluster.nodes[0].call("RAFT", "DOCTOR")
        cluster.nodes[2].start()
        cluster.add(cluster.nodes[2])
        for node in cluster.nodes:
            wait_for("health", lambda: b"Nothing is wrong" in node.call("RAFT", "DOCTOR"))
        leader = cluster.leader()
        down, left = [n for n in cluster.nodes if n is not leader]
        number = down.info("raft")["raft_node_id"].encode()
        down.kill()
        for node in (leader, left):
            wait_for("the dead node", lambda: b"Node " + number + b" (" in node.call("RAFT", "DOCTOR"))
            text = node.call("RAFT", "DOCTOR")
            assert b"is down" in text and b"RAFT REPLACE" in text, text
        left.kill()
        wait_for("lost quorum", lambda: b"2 of 3 voters cannot be reached" in leader.call("RAFT", "DOCTOR"))
        cluster.restart_dead()
        cluster.wait_writable()
        one = cluster.followers()[0]
        number = one.info("raft")["raft_node_id"]
        assert cluster.leader().call("RAFT", "REMOVE", number) == b"OK"
        wait_for("removed", lambda: b"was removed" in one.call("RAFT", "DOCTOR"))
        wait_for("role", lambda: one.info("raft")["raft_role"] == "removed")
        try:
            raise AssertionError("a removed node answers %r" % one.call("GET", "formed"))
        except ReplyError as e:
            assert "CLUSTERDOWN" in str(e) and "removed" in str(e), e
        cluster.check_logs()


TESTS = [the_doctor_says_what_is_wrong,
         a_node_whose_state_differs_is_quarantined_until_it_is_replaced,
         with_auto_heal_a_node_whose_state_differs_comes_back_as_a_new_one]
