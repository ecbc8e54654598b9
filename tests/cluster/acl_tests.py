"""acl_tests.py -- users are the same on all nodes: made, changed and deleted on one, in force on the
others with the OK; kept over kill -9; no password in any file but requirepass."""
import subprocess
import time

from avow import Client, Cluster, ReplyError


def refused(client, *words):
    """The error, or None."""
    try:
        client.call(*words)
        return None
    except ReplyError as e:
        return str(e)


def login(node, user, password):
    client = Client(node.address)
    assert client.call("AUTH", user, password) == b"OK"
    return client


def with_three(scenario, options=()):
    with Cluster(3, options=options) as cluster:
        cluster.form()
        scenario(cluster)
        cluster.check_logs()


def a_user_is_everywhere_with_the_ok():
    def scenario(cluster):
        first, second, third = cluster.nodes
        for i in range(100):
            assert first.call("ACL", "SETUSER", "u%d" % i, "on", ">p%d" % i, "~k*", "+@all") == b"OK"
            client = login(cluster.nodes[1 + i % 2], "u%d" % i, "p%d" % i)
            assert client.call("SET", "k", str(i)) == b"OK"
            assert "NOPERM" in refused(client, "GET", "other")
            # what is forbidden on one node is not done on another, whose client is logged in already
            assert cluster.nodes[(i + 2) % 3].call("ACL", "SETUSER", "u%d" % i, "-set") == b"OK"
            assert "NOPERM" in refused(client, "SET", "k", "x")
            assert third.call("GET", "k") == b"%d" % i
            # a password that was taken back opens nothing any more
            assert first.call("ACL", "SETUSER", "u%d" % i, "<p%d" % i) == b"OK"
            assert "WRONGPASS" in refused(Client(second.address), "AUTH", "u%d" % i, "p%d" % i)
            client.close()
        assert len({node.call("DEBUG", "DIGEST") for node in cluster.nodes}) == 1
    with_three(scenario)


def connections_of_a_deleted_user_are_closed_on_every_node():
    def scenario(cluster):
        cluster.nodes[0].call("ACL", "SETUSER", "gone", "on", ">pw", "~*", "&*", "+@all")
        clients = [login(node, "gone", "pw") for node in cluster.nodes for _ in range(3)]
        clients[0].call("SUBSCRIBE", "c")
        assert cluster.nodes[1].call("ACL", "DELUSER", "gone") == 1
        for client in clients[1:]:  # at once nothing is done for it; it is closed when the node gets to it
            try:
                raise AssertionError("it still writes: %r" % client.call("SET", "k", "1"))
            except (ReplyError, OSError, EOFError):
                pass
        end = time.monotonic() + 10
        for client in clients:
            try:
                while time.monotonic() < end:
                    client.call("PING")
                raise AssertionError("it is still there")
            except (ReplyError, OSError, EOFError):
                pass
        assert all("user=gone" not in node.call("CLIENT", "LIST").decode() for node in cluster.nodes)
    with_three(scenario)


def users_outlive_a_kill_and_no_file_has_their_password():
    def scenario(cluster):
        cluster.nodes[0].call("ACL", "SETUSER", "kept", "on", ">open-sesame", "~*", "+@all", "-flushall")
        before = cluster.nodes[0].call("ACL", "LIST")
        for node in cluster.nodes:
            node.kill()
        for node in cluster.nodes:
            node.start()
        for node in cluster.nodes:
            cluster.wait_ready(node)
            assert node.call("ACL", "LIST") == before
            client = login(node, "kept", "open-sesame")
            assert "NOPERM" in refused(client, "FLUSHALL")
            client.close()
        found = subprocess.run(["grep", "-rl", "open-sesame", cluster.directory], capture_output=True, text=True)
        assert found.stdout == "", found.stdout
    with_three(scenario)


def requirepass_is_the_default_users_password_on_all_nodes():
    def scenario(cluster):
        clients = [Client(node.address) for node in cluster.nodes]
        assert clients[0].call("CONFIG", "SET", "requirepass", "pw") == b"OK"
        for node in cluster.nodes:
            client = Client(node.address)
            assert "NOAUTH" in refused(client, "GET", "k") or node is not cluster.nodes[0]
            assert client.call("AUTH", "pw") == b"OK"
            assert client.call("SET", "k", "1") == b"OK"
            assert "NOAUTH" in refused(Client(node.address), "GET", "k")
        assert clients[0].call("CONFIG", "SET", "requirepass", "") == b"OK"
    with_three(scenario)


def without_a_majority_a_login_goes_by_what_the_node_knows():
    """So that somebody can look at it: INFO, CLIENT LIST. Data stays out of reach."""
    def scenario(cluster):
        first, second, third = cluster.nodes
        first.call("ACL", "SETUSER", "admin", "on", ">pw", "~*", "&*", "+@all")
        client = Client(third.address)
        assert client.call("AUTH", "admin", "pw") == b"OK"  # it has the user now
        first.kill()
        second.kill()
        for words in (("AUTH", "admin", "pw"), ("HELLO", "2", "AUTH", "admin", "pw")):
            late = Client(third.address, 30)
            late.call(*words)
            assert b"raft_role" in late.call("INFO", "raft")
            assert late.call("ACL", "WHOAMI") == b"admin"
            assert "CLUSTERDOWN" in refused(late, "GET", "k")
            assert "WRONGPASS" in refused(late, "AUTH", "admin", "other")
            late.close()
        cluster.restart_dead()
        cluster.wait_writable()
    with_three(scenario, ("--quorum-wait-ms", "1000"))


TESTS = [
    a_user_is_everywhere_with_the_ok,
    connections_of_a_deleted_user_are_closed_on_every_node,
    users_outlive_a_kill_and_no_file_has_their_password,
    requirepass_is_the_default_users_password_on_all_nodes,
    without_a_majority_a_login_goes_by_what_the_node_knows,
]
