"""upgrade_tests.py -- builds of several feature levels in one cluster (docs/UPGRADE.md).

An older build is this one with --feature-level, which then knows no more; or a real one, whose program AVOW_OLD_SERVER
names: then its directories, its handshake and its log are what the newer one meets.
"""
import os
import subprocess
import time

from avow import SERVER, Cluster, ReplyError
from workload import Load

OLD_SERVER = os.environ.get("AVOW_OLD_SERVER")
CHECK = os.environ.get("AVOW_CHECK", "./avow-check")
NEWEST = 2  # FEATURE_LEVEL_MAX


def make_old(node):
    node.server, node.options = (OLD_SERVER, []) if OLD_SERVER else (SERVER, ["--feature-level", "1"])


def make_new(node):
    node.server, node.options = SERVER, []


def change_build(cluster, node, make):
    assert node.terminate() == 0, node.log_tail()
    make(node)
    node.start()
    cluster.wait_ready(node)


def level(node):
    return int(node.info("raft")["raft_feature_level"])


def doctor(node):
    return node.call("RAFT", "DOCTOR").decode()


def wait_level(nodes, wanted):
    end = time.monotonic() + 20
    while any(level(node) != wanted for node in nodes):
        assert time.monotonic() < end, "the feature level does not rise: " + nodes[0].log_tail()
        time.sleep(0.1)


def refused(node, *words):
    try:
        answer = node.call(*words, timeout=90)
    except ReplyError as e:
        return str(e)
    raise AssertionError("not refused: %r" % answer)


def check_mixed(cluster, new_nodes):
    """What older builds do not have is refused by the newer ones, and said why."""
    for node in new_nodes:
        cluster.wait_ready(node)
        assert level(node) == 1
        assert "when all members run the newer version" in refused(node, "DEBUG", "LEVEL", "levelled")
    leader = cluster.leader()
    if leader in new_nodes:
        end = time.monotonic() + 10
        while "Versions are mixed: the feature level stays 1" not in doctor(leader):
            assert time.monotonic() < end, doctor(leader)
            time.sleep(0.1)


def formed_of_old_nodes(cluster):
    for node in cluster.nodes:
        make_old(node)
    cluster.form()


def upgrade(cluster, load, one_goes_back):
    first, second = cluster.followers()
    last = cluster.leader()
    change_build(cluster, first, make_new)
    check_mixed(cluster, [first])
    load.wait_progress()
    if one_goes_back:
        change_build(cluster, first, make_old)
        load.wait_progress()
        change_build(cluster, first, make_new)
    change_build(cluster, second, make_new)
    check_mixed(cluster, [first, second])
    first.call("RAFT", "TRANSFER", first.info("raft")["raft_node_id"])  # a newer one leads the older
    load.wait_progress()
    check_mixed(cluster, [first, second])
    change_build(cluster, last, make_new)
    load.wait_progress()


def a_cluster_is_upgraded_node_by_node_while_clients_write():
    with Cluster() as cluster:
        formed_of_old_nodes(cluster)
        with Load(cluster, seed=1) as load:
            load.wait_progress()
            upgrade(cluster, load, one_goes_back=True)
            wait_level(cluster.nodes, NEWEST)
            for node in cluster.nodes:
                assert node.call("DEBUG", "LEVEL", "levelled") == NEWEST
                assert "ersions" not in doctor(node), doctor(node)
            load.wait_progress()
        print("   ", load.judge(), load.counts)


def start_and_end(node):
    """What it says, when it refuses to start."""
    node.start(wait=False)
    assert node.process.wait(30) == 1, node.log_tail()
    return node.log_tail(3)


def who_knows_less_than_the_level_in_force_has_no_part():
    cluster = Cluster(count=4)
    try:
        spare = cluster.nodes.pop()
        cluster.form()
        wait_level(cluster.nodes, NEWEST)
        make_old(spare)
        spare.start()
        for words in (("RAFT", "ADD", spare.peer_address), ("RAFT", "REPLACE", "3", spare.peer_address)):
            said = refused(cluster.nodes[1], *words)
            wanted = ("cannot reach an empty node" if OLD_SERVER else  # in its log: the version of the handshake
                      "knows feature level 1; the cluster has level 2: run the newer version there")
            assert wanted in said, said
        spare.kill()

        # A member goes back: it does not start, and nothing has happened to its directory.
        member = cluster.followers()[0]
        assert member.terminate() == 0
        make_old(member)
        said = start_and_end(member)
        assert ("makes no sense" if OLD_SERVER else "run the newer version") in said, said
        cluster.wait_writable(nodes=[n for n in cluster.nodes if n is not member])
        make_new(member)
        member.start()
        cluster.wait_ready(member)
        cluster.check_equal()
        cluster.check_logs()
    finally:
        cluster.close()
        spare.kill()


def avow_check(*words):
    done = subprocess.run([CHECK, *words], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def the_directory_of_a_newer_version_is_not_recovered_by_an_older_one():
    cluster = Cluster(count=1, namespaces=False)
    try:
        node = cluster.nodes[0]
        node.options = ["--feature-level", str(NEWEST + 1)]
        node.start()
        cluster.wait_writable()
        assert level(node) == NEWEST + 1
        assert node.terminate() == 0
        code, said = avow_check("info", node.home)
        assert code == 0 and "feature level %d, of a newer version" % (NEWEST + 1) in said, said
        code, said = avow_check("recover", node.home, "--new-cluster", "--yes")
        assert code == 1 and "use the newer version" in said, said
        node.start()
        cluster.wait_ready(node)
    finally:
        cluster.close()


TESTS = [
    a_cluster_is_upgraded_node_by_node_while_clients_write,
    who_knows_less_than_the_level_in_force_has_no_part,
    the_directory_of_a_newer_version_is_not_recovered_by_an_older_one,
]
