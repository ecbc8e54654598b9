"""recover_tests.py -- docs/OPERATIONS.md's runbook for a majority that is lost for good, and avow-check."""
import json
import os
import shutil
import subprocess

from avow import Client, Cluster, ReplyError

CHECK = os.environ.get("AVOW_CHECK", "./avow-check")


def check(node, command, *options, want=0):
    done = subprocess.run([CHECK, command, node.home, *options], capture_output=True, text=True, timeout=120)
    assert done.returncode == want, "%s: %d\n%s%s" % (command, done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def write_some(node, first, count):
    client = Client(node.address)
    for i in range(first, first + count):
        client.send("SET", "kept:%d" % i, "value %d" % i)
        client.send("RPUSH", "list:%d" % (i % 10), i)
    for _ in range(2 * count):
        client.receive()
    client.close()


def assert_kept(node, count):
    client = Client(node.address)
    for i in range(count):
        assert client.call("GET", "kept:%d" % i) == b"value %d" % i, i
    client.close()


def a_new_cluster_is_made_of_one_node_s_remains():
    with Cluster() as cluster:
        cluster.form()
        write_some(cluster.nodes[0], 0, 500)
        cluster.nodes[2].call("SAVE")
        write_some(cluster.nodes[0], 500, 500)
        cluster.check_equal()
        left = cluster.nodes[2]
        assert "in use by process" in check(left, "info", want=1)
        for node in cluster.nodes:
            node.kill()

        # The runbook: look, verify, say what is lost, recover, start, add the others anew.
        assert "voters     1=" in check(left, "info")
        assert "sound" in check(left, "verify")
        lines = [json.loads(line) for line in check(left, "log", "--json").splitlines()]
        assert [line["index"] for line in lines] == list(range(lines[0]["index"], lines[-1]["index"] + 1))
        assert any("SET kept:999" in request for line in lines for request in line.get("requests", []))
        before = check(left, "info")
        assert "Nothing was changed" in check(left, "recover", "--new-cluster", want=1)
        assert check(left, "info") == before
        assert "Done" in check(left, "recover", "--new-cluster", "--yes")
        left.start()
        cluster.wait_writable(nodes=[left])
        assert_kept(left, 1000)

        # A member of the old cluster comes back all the same: it is nobody's peer, and serves nothing.
        cluster.nodes[0].start()
        write_some(left, 1000, 100)
        try:
            answer = cluster.nodes[0].call("GET", "kept:1")
            raise AssertionError("a node of the old cluster answered %r" % answer)
        except ReplyError as e:
            assert str(e).startswith(("LOADING", "CLUSTERDOWN")), e
        cluster.nodes[0].kill()

        for node in cluster.nodes[:2]:
            shutil.rmtree(node.home)
            os.makedirs(node.home)
            node.start("--cluster-init", "no")
            cluster.add(node, through=left)
        cluster.wait_writable()
        for node in cluster.nodes:
            assert_kept(node, 1100)
        cluster.check_equal()
        cluster.check_logs()
        for node in cluster.nodes:
            assert node.terminate() == 0
            assert "sound" in check(node, "verify")


def flipped_bytes_are_found():
    cluster = Cluster(1, namespaces=False)
    try:
        node = cluster.nodes[0]
        node.start()
        cluster.wait_writable()
        write_some(node, 0, 2000)
        node.call("SAVE")
        write_some(node, 2000, 10)
        assert node.terminate() == 0
        assert "sound" in check(node, "verify")
        for folder in ("state/1", "log"):
            home = os.path.join(node.home, folder)
            files = [os.path.join(home, f) for f in os.listdir(home) if f.endswith((".sst", ".log"))]
            victim = max(files, key=os.path.getsize)
            whole = open(victim, "rb").read()
            middle = len(whole.rstrip(b"\0")) // 2
            with open(victim, "r+b") as f:
                f.seek(middle)
                f.write(bytes([whole[middle] ^ 0x10]))
            text = check(node, "verify", want=1)
            assert any(word in text for word in ("orrupt", "damaged", "hecksum", "WRONG", "was durable")), text
            with open(victim, "wb") as f:
                f.write(whole)
        assert "sound" in check(node, "verify")
    finally:
        cluster.close()


TESTS = [a_new_cluster_is_made_of_one_node_s_remains, flipped_bytes_are_found]
