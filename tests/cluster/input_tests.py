"""input_tests.py -- bad input: each ends in a clear error, never in a crash or a loss."""
import os
import random
import socket
import subprocess
import tempfile
import time

from avow import Client, Cluster, ReplyError, SERVER, free_ports


def with_one_node(test):
    def wrapped():
        cluster = Cluster(count=1, namespaces=False)
        try:
            cluster.form()
            test(cluster, cluster.nodes[0])
            assert cluster.nodes[0].running(), "the node ended:\n" + cluster.nodes[0].log_tail()
            assert cluster.nodes[0].call("GET", "formed") == b"1", "a key is gone"
            cluster.check_logs()
        finally:
            cluster.close()
    wrapped.__name__ = test.__name__
    return wrapped


def talk(address, data, size=65536, seconds=2):
    """What the server says until it closes or falls silent."""
    answer = b""
    with socket.create_connection(address, 5) as s:
        s.settimeout(seconds)
        try:
            s.sendall(data)
            while len(answer) < size:
                more = s.recv(65536)
                if not more:
                    break
                answer += more
        except OSError:
            pass
    return answer


@with_one_node
def malformed_requests_are_refused_and_the_connection_closed(cluster, node):
    for data, want in [(b"*-x\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
                       (b"*1\r\n:1\r\n", b"-ERR Protocol error: expected '$', got ':'\r\n"),
                       (b"*1\r\n$-5\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
                       (b"*1\r\n$999999999999\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
                       (b"GET \"x\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n")]:
        got = talk(node.address, data)
        assert got == want, "%r was answered %r" % (data, got)
    assert talk(node.address, b"x" * 70000).startswith(b"-ERR Protocol error: too big inline request")


@with_one_node
def random_bytes_on_both_ports_do_no_harm(cluster, node):
    chance = random.Random(1)
    for port in (node.port, node.port + 10000):
        for _ in range(100):
            talk((node.host, port), chance.randbytes(chance.randrange(2000)), seconds=0.02)
        for _ in range(20):
            talk((node.host, port), b"*3\r\n$10\r\nAVOW.HELLO\r\n$5\r\n" + chance.randbytes(50) + b"\r\n", seconds=0.02)


@with_one_node
def half_sent_requests_hold_nothing_up(cluster, node):
    open_ones = []
    for i in range(200):
        s = socket.create_connection(node.address, 5)
        s.sendall(b"*3\r\n$3\r\nSET\r\n$5\r\nhalf" + b"%d" % (i % 10))
        open_ones.append(s)
    assert node.call("SET", "whole", "1") == b"OK"
    for s in open_ones:
        s.close()
    assert node.call("DBSIZE") >= 2


@with_one_node
def thousands_of_idle_connections_are_served_beside(cluster, node):
    import resource
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(5000, hard - 100)
    idle = [socket.create_connection(node.address, 10) for _ in range(count)]
    for i in range(100):
        assert node.call("INCR", "beside") == i + 1
    idle[count // 2].sendall(b"PING\r\n")
    assert idle[count // 2].recv(100) == b"+PONG\r\n"
    for s in idle:
        s.close()


@with_one_node
def more_clients_than_maxclients_are_told_so(cluster, node):
    node.call("CONFIG", "SET", "maxclients", "20")
    idle = [Client(node.address) for _ in range(20)]
    refused = [talk(node.address, b"PING\r\n") for _ in range(3)]
    assert b"-ERR max number of clients reached\r\n" in refused, refused
    for c in idle:
        c.close()


@with_one_node
def a_second_process_on_the_directory_is_refused(cluster, node):
    port = free_ports(1)[0]
    done = subprocess.run([SERVER, "--port", str(port), "--dir", node.home, "--cluster-secret", "x"],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode != 0
    assert node.home in done.stdout + done.stderr and str(node.process.pid) in done.stdout + done.stderr, done.stderr


def fails_with(arguments, *words, timeout=20):
    done = subprocess.run([SERVER, *arguments], capture_output=True, text=True, timeout=timeout)
    text = done.stdout + done.stderr
    assert done.returncode not in (0, -6, -11), "%r ended with %d: %s" % (arguments, done.returncode, text)
    for word in words:
        assert word in text, "%r does not say %r: %s" % (arguments, word, text)


def configuration_errors_name_the_directive():
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "avow.conf")
        for text, words in [("prot 7001\n", ["prot", "1"]), ("port 7001\nmaxclients many\n", ["maxclients", "2"]),
                            ("port 99999999\n", ["port"])]:
            with open(path, "w") as f:
                f.write(text)
            fails_with([path], *words)
        fails_with(["--no-such-directive", "1"], "no-such-directive")
        fails_with([os.path.join(d, "missing.conf")], "missing.conf")


def an_unusable_directory_is_named():
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "file")
        open(path, "w").close()
        port = str(free_ports(1)[0])
        fails_with(["--port", port, "--dir", os.path.join(path, "below"), "--cluster-init", "yes",
                    "--cluster-secret", "x"], path)


def a_taken_port_is_named():
    with tempfile.TemporaryDirectory() as d, socket.socket() as s:
        port = free_ports(1)[0]
        s.bind(("127.0.0.1", port))
        s.listen()
        fails_with(["--bind", "127.0.0.1", "--port", str(port), "--dir", d, "--cluster-init", "yes",
                    "--cluster-secret", "x"], str(port))


def a_node_of_another_cluster_is_refused_and_both_live_on():
    one, two = Cluster(count=2, namespaces=False), Cluster(count=1, namespaces=False)
    try:
        one.form()
        two.form()
        try:
            one.nodes[0].call("RAFT", "ADD", two.nodes[0].peer_address, timeout=60)
            raise AssertionError("a node of another cluster was added")
        except ReplyError as e:
            assert "cluster" in str(e).lower(), e
        assert two.nodes[0].call("GET", "formed") == b"1"
        one.wait_writable()
    finally:
        one.close()
        two.close()


def a_wrong_secret_is_refused_and_said():
    cluster = Cluster(count=2, namespaces=False)
    try:
        cluster.nodes[0].start()
        cluster.nodes[1].start("--cluster-secret", "another secret")
        try:
            cluster.nodes[0].call("RAFT", "ADD", cluster.nodes[1].peer_address, timeout=60)
            raise AssertionError("a node with another secret was added")
        except ReplyError as e:
            assert "secret" in str(e).lower(), e
        assert cluster.nodes[0].call("SET", "formed", "1") == b"OK"
        assert "secret" in cluster.nodes[1].log_tail(100), cluster.nodes[1].log_tail()
    finally:
        cluster.close()


TESTS = [
    malformed_requests_are_refused_and_the_connection_closed, random_bytes_on_both_ports_do_no_harm,
    half_sent_requests_hold_nothing_up, thousands_of_idle_connections_are_served_beside,
    more_clients_than_maxclients_are_told_so, a_second_process_on_the_directory_is_refused,
    configuration_errors_name_the_directive, an_unusable_directory_is_named, a_taken_port_is_named,
    a_node_of_another_cluster_is_refused_and_both_live_on, a_wrong_secret_is_refused_and_said,
]
