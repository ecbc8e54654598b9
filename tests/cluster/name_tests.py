"""name_tests.py -- nodes that know each other by name, as in containers: a name server stands in for that of the network."""
import os
import shutil
import socket
import struct
import threading
import time

from avow import Cluster, Skipped


RESTARTS = 10


class NameServer(threading.Thread):
    """Knows names exactly as they are written; to all others it says nothing. Aardvark, of podman's networks, is like that:
    what it does not know it hands on, to servers that a machine without the Internet does not reach."""

    def __init__(self, host, names):
        super().__init__(daemon=True)
        self.names, self.asked = names, set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 53))
        self.socket.settimeout(0.2)
        self.ends = False
        self.start()

    def run(self):
        while not self.ends:
            try:
                query, sender = self.socket.recvfrom(4096)
            except socket.timeout:
                continue
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode())
                at += 1 + query[at]
            kind, = struct.unpack_from(">H", query, at + 1)
            name, question = ".".join(labels), query[12:at + 5]
            self.asked.add(name)
            address = self.names.get(name)
            if address is None:
                continue
            record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 4) + socket.inet_aton(address) if kind == 1 else b""
            self.socket.sendto(query[:2] + struct.pack(">HHHHH", 0x8180, 1, bool(record), 0, 0) + question + record, sender)

    def stop(self):
        self.ends = True
        self.join()
        self.socket.close()


def nodes_find_each_other_by_name():
    cluster = Cluster(3)
    files = []
    server = None
    try:
        if not cluster.namespaces:
            raise Skipped("needs network namespaces: root")
        names = {"node-%d.avow" % node.number: node.host for node in cluster.nodes}
        server = NameServer(cluster.network + ".254", names)
        for node in cluster.nodes:  # ip netns exec puts it in the place of /etc/resolv.conf
            files.append("/etc/netns/" + node.namespace)
            os.makedirs(files[-1])
            with open(os.path.join(files[-1], "resolv.conf"), "w") as f:
                f.write("search avow\nnameserver %s.254\n" % cluster.network)
            node.start("--announce-host", "node-%d" % node.number)
        cluster.wait_writable(nodes=cluster.nodes[:1])
        took = []
        for node in cluster.nodes[1:]:
            began = time.monotonic()
            answer = cluster.nodes[0].call("RAFT", "ADD", "node-%d:%d" % (node.number, node.port + 10000))
            assert answer == b"OK", answer
            took.append(time.monotonic() - began)
        assert min(took) < 3, "it waits for answers that never come: %s" % took  # a lost packet costs five seconds
        cluster.wait_writable()
        assert set(names) - {"node-1.avow"} <= server.asked, server.asked
        # One that comes back dials and is dialed at the same time, while names are asked for: that once ended a node.
        for _ in range(RESTARTS):
            node = cluster.followers()[0]
            node.kill()
            node.start("--announce-host", "node-%d" % node.number)
            cluster.wait_ready(node)
        assert all(node.running() for node in cluster.nodes)
        # The leader goes: those that are left find each other without it.
        cluster.leader().kill()
        cluster.wait_writable(nodes=[node for node in cluster.nodes if node.running()])
    except BaseException:
        cluster.tell_logs()
        raise
    finally:
        cluster.close()
        if server is not None:
            server.stop()
        for path in files:
            shutil.rmtree(path, ignore_errors=True)


TESTS = [nodes_find_each_other_by_name]
