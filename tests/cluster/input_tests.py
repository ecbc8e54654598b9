"""input_tests.py -- bad input: each ends in a clear error, never in a crash or a loss."""
import os
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import time

from avow import Client, Cluster, ReplyError, Skipped, free_ports, is_sanitized, SERVER


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
    end = time.monotonic() + 10
    while refusal(node, "PING") == "ERR max number of clients reached":  # until the server has seen them go
        assert time.monotonic() < end, "the places of clients that went are not free again"


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
        fails_with(["--dir", d, "--logfile", os.path.join(d, "log")], "logfile", "own data", d)


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


def refusal(node, *words, timeout=60):
    try:
        return "no error but %r" % node.call(*words, timeout=timeout)
    except ReplyError as e:
        return str(e)


def a_directory_that_may_not_be_written_is_named():
    if os.geteuid() != 0:
        raise Skipped("no root, which this takes to become nobody")
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)  # root's: nobody may look, not write
        server = os.path.join(d, "avow-server")
        shutil.copy(SERVER, server)
        os.chmod(server, 0o755)
        home = os.path.join(d, "home")
        os.mkdir(home, 0o755)
        for path in (home, os.path.join(d, "new")):
            done = subprocess.run([server, "--port", str(free_ports(1)[0]), "--dir", path, "--cluster-init", "yes",
                                   "--cluster-secret", "x"], capture_output=True, text=True, timeout=20, user=65534,
                                  env=dict(os.environ, TSAN_OPTIONS=""))  # whose file nobody may not read
            text = done.stdout + done.stderr
            assert done.returncode == 1 and path in text and "Permission denied" in text, text


def a_taken_peer_port_is_named():
    with tempfile.TemporaryDirectory() as d, socket.socket() as s:
        port = free_ports(1)[0]
        s.bind(("127.0.0.1", port + 10000))
        s.listen()
        fails_with(["--bind", "127.0.0.1", "--port", str(port), "--dir", d, "--cluster-init", "yes",
                    "--cluster-secret", "x"], str(port + 10000))


def a_directory_of_another_cluster_does_no_harm():
    """A node of another cluster comes up where a member of ours was: same address, same secret."""
    ours, theirs = Cluster(namespaces=False), Cluster(count=2, namespaces=False)
    try:
        ours.form()
        theirs.form()
        for node in theirs.nodes:
            node.terminate()
        lost = ours.nodes[2]
        lost.terminate()
        lost.home = theirs.nodes[1].home
        lost.start("--cluster-init", "no")
        for i in range(100):
            assert ours.nodes[i % 2].call("SET", "ours:%d" % i, i) == b"OK"
        time.sleep(1)
        told = "".join(n.log_tail(1000) for n in ours.nodes)
        assert "cluster" in told and "another cluster" in told, told
        assert refusal(lost, "GET", "formed").startswith(("LOADING", "CLUSTERDOWN")), "it serves"
        lost.kill()
        lost.home = os.path.join(ours.directory, "node-3")
        lost.start()
        ours.wait_writable()
        ours.check_equal()
        ours.check_logs()
    except BaseException:
        ours.tell_logs()
        raise
    finally:
        ours.close()
        theirs.close()


def a_directory_of_another_node_does_no_harm():
    """Two members come up in each other's directories: who they are lies there, not in their address."""
    with Cluster(namespaces=False) as cluster:
        cluster.form()
        second, third = cluster.nodes[1:]
        for node in (second, third):
            assert node.call("SET", "by:%d" % node.number, node.number) == b"OK"
        ids = [node.info("raft")["raft_node_id"] for node in (second, third)]
        for node in (second, third):
            assert node.terminate() == 0
        second.home, third.home = third.home, second.home
        for node in (second, third):
            node.start(wait=False)
        for node in (second, third):
            node.wait_port()
        cluster.wait_writable(60)
        assert [node.info("raft")["raft_node_id"] for node in (third, second)] == ids
        for node in cluster.nodes:
            assert node.call("MGET", "by:2", "by:3") == [b"2", b"3"]
        cluster.check_equal(60)
        cluster.check_logs()


def adding_what_cannot_be_added_ends_with_an_error_and_harms_nothing():
    with Cluster(namespaces=False) as cluster:
        cluster.form()
        unreachable = ("127.0.0.1:%d" % (free_ports(1)[0] + 10000), "no-such-host.invalid:17001", "10.255.255.1:17001")
        for node, host in zip(cluster.nodes, unreachable):
            begin = time.monotonic()
            error = refusal(node, "RAFT", "ADD", host)
            assert error.startswith("ERR") and host in error, error
            assert time.monotonic() - begin < 20, "it took %.1f s" % (time.monotonic() - begin)
            for host in ("nonsense", "127.0.0.1:0", "127.0.0.1:99999", ":17001", "", "127.0.0.1:x"):
                error = refusal(node, "RAFT", "ADD", host)
                assert error.startswith("ERR"), "%r: %s" % (host, error)
            assert refusal(node, "RAFT", "REMOVE", "77").startswith("ERR")
            assert refusal(node, "RAFT", "TRANSFER", "77").startswith("ERR")
            assert node.call("RAFT", "ADD", cluster.nodes[2].peer_address) == b"OK", "a member is a member"
        assert cluster.nodes[0].info("raft")["raft_voters"] == "3"
        assert cluster.nodes[0].info("raft")["raft_learners"] == "0"
        cluster.wait_writable()
        cluster.check_equal()
        cluster.check_logs()


def a_member_that_slept_while_the_others_were_replaced_finds_its_way():
    """Nobody whom it knows is there any more: the way to the new leader is the one it comes by."""
    cluster = Cluster(count=5, namespaces=False)
    try:
        first, second, sleeper, *new = cluster.nodes
        cluster.nodes = cluster.nodes[:3]
        cluster.form()
        sleeper.kill()
        for node in new:
            node.start("--cluster-init", "no")
            cluster.add(node, through=first)
        for number, node in ((1, first), (2, second)):
            error = refusal(new[0], "RAFT", "REMOVE", number)
            while "leadership" in error:  # the leader removes itself: its answer may not come through
                time.sleep(0.5)
                error = refusal(new[0], "RAFT", "REMOVE", number)
            assert error == "no error but b'OK'" or "not a member" in error, error
            node.kill()
        assert new[0].call("SET", "moved", "1") == b"OK"
        sleeper.start()
        cluster.nodes = [sleeper] + new
        cluster.wait_writable()
        assert sleeper.call("GET", "moved") == b"1"
        cluster.check_equal()
        cluster.check_logs()
    except BaseException:
        cluster.tell_logs()
        raise
    finally:
        cluster.nodes = [first, second, sleeper, *new]
        cluster.close()


def requests_that_want_too_much_end_with_an_error():
    cluster = Cluster(namespaces=False)
    try:
        cluster.form()
        node = cluster.nodes[1]
        node.call("SET", "text", "x" * 1000000)
        for words in (("SETRANGE", "big", "100000000000", "x"), ("SETBIT", "big", "4294967296000", "1"),
                      ("LCS", "text", "text"), ("SETRANGE", "big", "-1", "x"), ("SETBIT", "big", "4294967296", "1"),
                      ("BITFIELD", "big", "SET", "u8", "9999999999999", "1"), ("INCRBY", "text", "1"),
                      ("EXPIRE", "text", "9223372036854775807"), ("SELECT", "99999999999"),
                      ("SCAN", "0", "COUNT", "99999999999999999999"), ("GETRANGE", "text", "x", "1")):
            assert refusal(node, *words).startswith("ERR"), "%r: %s" % (words, refusal(node, *words))
        for data in (b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$536870913\r\n", b"*99999999999\r\n", 
                     b"*2\r\n$99999999999999999999\r\n"):
            assert talk(node.address, data).startswith(b"-ERR Protocol error"), data
        for n in cluster.nodes:
            assert n.running() and n.call("STRLEN", "text") == 1000000
        cluster.check_equal()
        cluster.check_logs()
    finally:
        cluster.close()


class Counter(threading.Thread):
    """INCRs one key until told to end, or the connection breaks; remembers the last acknowledged."""

    def __init__(self, node, key):
        super().__init__(daemon=True)
        self.node, self.key, self.last, self.ended = node, key, 0, False

    def run(self):
        try:
            client = Client(self.node.address, 20)
            while not self.ended:
                self.last = client.call("INCR", self.key)
        except (OSError, ConnectionError, ReplyError):
            pass


def an_end_under_load_loses_nothing(count):
    cluster = Cluster(count=count, namespaces=False)
    try:
        cluster.form()
        counters = [Counter(cluster.nodes[i % count], "counter:%d" % i) for i in range(8)]
        for counter in counters:
            counter.start()
        time.sleep(1)
        for node in cluster.nodes:
            node.process.terminate()
        for node in cluster.nodes:
            status = node.process.wait(20)
            assert status == 0, "SIGTERM under load ended with %d:\n%s" % (status, node.log_tail())
        for counter in counters:
            counter.ended = True
            counter.join(30)
        for node in cluster.nodes:
            node.start()
        cluster.wait_writable()
        for i, counter in enumerate(counters):
            value = int(cluster.nodes[0].call("GET", "counter:%d" % i) or 0)
            assert counter.last > 0 and counter.last <= value <= counter.last + 1, (counter.last, value)
        cluster.check_equal()
        cluster.check_logs()
    finally:
        cluster.close()


def a_single_node_that_is_told_to_end_under_load_loses_nothing():
    an_end_under_load_loses_nothing(1)


def three_nodes_that_are_told_to_end_under_load_lose_nothing():
    an_end_under_load_loses_nothing(3)


def much_data_is_ready_within_seconds_after_a_kill_and_after_an_end():
    cluster = Cluster(namespaces=False)
    keys, step = 200000, 2000
    try:
        cluster.form()
        client = Client(cluster.nodes[1].address, 60)
        for first in range(0, keys, step):
            for i in range(first, first + step):
                client.send("SET", "key:%d" % i, "value %d of many, of some length" % i)
            for _ in range(step):
                assert client.receive() == b"OK"
        client.close()
        for how in ("kill", "terminate"):
            for node in cluster.nodes:
                getattr(node, how)()
            begin = time.monotonic()
            for node in cluster.nodes:
                node.start(wait=False)
            for node in cluster.nodes:
                node.wait_port()
            cluster.wait_writable()
            took = time.monotonic() - begin
            print("    all ready %.1f s after a %s of all" % (took, how))
            assert took < (60 if is_sanitized() else 10), "%.1f s until a write after %s" % (took, how)
            for node in cluster.nodes:
                assert node.call("GET", "key:%d" % (keys - 1)) == b"value %d of many, of some length" % (keys - 1)
                assert node.call("DBSIZE") >= keys
        cluster.check_equal()
        cluster.check_logs()
    except BaseException:
        cluster.tell_logs()
        raise
    finally:
        cluster.close()


TESTS = [
    malformed_requests_are_refused_and_the_connection_closed, random_bytes_on_both_ports_do_no_harm,
    half_sent_requests_hold_nothing_up, thousands_of_idle_connections_are_served_beside,
    more_clients_than_maxclients_are_told_so, a_second_process_on_the_directory_is_refused,
    configuration_errors_name_the_directive, an_unusable_directory_is_named, a_taken_port_is_named,
    a_node_of_another_cluster_is_refused_and_both_live_on, a_wrong_secret_is_refused_and_said,
    a_directory_that_may_not_be_written_is_named, a_taken_peer_port_is_named,
    a_directory_of_another_cluster_does_no_harm, a_directory_of_another_node_does_no_harm, adding_what_cannot_be_added_ends_with_an_error_and_harms_nothing,
    a_member_that_slept_while_the_others_were_replaced_finds_its_way,
    requests_that_want_too_much_end_with_an_error, a_single_node_that_is_told_to_end_under_load_loses_nothing,
    three_nodes_that_are_told_to_end_under_load_lose_nothing,
    much_data_is_ready_within_seconds_after_a_kill_and_after_an_end,
]
