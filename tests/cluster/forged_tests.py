"""forged_tests.py -- snapshots that no node of ours would send, from a false leader that has the secret.

What is offered is refused with a reason, whatever it is; the victim lives and keeps its state. In the
end it takes a true snapshot from the same hand, which shows that the others were looked at.
"""
import os
import re
import struct
import subprocess

from avow import Cluster
from fake_peer import FakePeer
from snapshot_tests import log_says, wait_for

HAS, FROM, DONE, REFUSED = 0, 1, 2, 3
CHUNK_BYTES = 1 << 20
TERM = 1000


NEXT_NODE = 5  # where it stands in a CONFIG payload, behind format and level


def members(cluster, level, next_node=4):
    payload = struct.pack("<BIQB", 2, level, next_node, len(cluster.nodes))
    for number, node in enumerate(cluster.nodes, 1):
        host = node.host.encode()
        payload += struct.pack("<QBHB", number, 1, node.port + 10000, len(host)) + host
    return payload


class Forger:
    def __init__(self, cluster, leader, victim):
        self.victim, self.ids = victim, 0
        self.peer = FakePeer(leader, cluster.nodes.index(leader) + 1, victim)
        self.config = members(cluster, self.peer.level)
        text = subprocess.run(["./avow-check", "info", leader.home], capture_output=True, text=True).stdout
        found = re.search(r"entry (\d+) of term (\d+), \d+ keys", text)
        assert found, text
        self.index, self.term = int(found.group(1)), int(found.group(2))
        self.before = victim.call("RAFT", "DIGEST")
        self.said = 0

    def offer(self, files, index=None, config=None):
        """Again and again, as a leader does, until there is an answer: a job of the offer before may still run."""
        self.ids += 1
        while not self.peer.has_ack(self.ids, seconds=0.3):
            assert self.victim.running(), "it ended"
            self.peer.offer(TERM, self.ids, index or self.index, self.term,
                            self.config if config is None else config, files)

    def send(self, files):
        """files: [name, bytes]; as a snapshot, up to its end."""
        self.peer.wait_ack(self.ids, FROM)
        whole = b"".join(data for _, data in files)
        position = 0
        for _, data in files: # no chunk spans two files
            for at in range(0, len(data), CHUNK_BYTES):
                piece = data[at:at + CHUNK_BYTES]
                self.peer.chunk(self.ids, position, piece)
                position += len(piece)
                self.peer.wait_ack(self.ids, HAS, position=position)
        assert position == len(whole)

    def refused(self, why):
        self.peer.wait_ack(self.ids, REFUSED)
        wait_for("no word of why: " + why, lambda: self._words() > self.said and log_says(self.victim, why))
        self.said = self._words()
        assert self.victim.running(), "it ended"
        assert self.victim.call("RAFT", "DIGEST") == self.before, "its state is another"

    def _words(self):
        with open(os.path.join(self.victim.home, "avow.log"), errors="replace") as log:
            return log.read().count("a snapshot cannot be taken")


def read_state(node):
    """The files of its state, as they would be offered."""
    directory = os.path.join(node.home, "state")
    with open(os.path.join(directory, "CURRENT")) as f:
        directory = os.path.join(directory, f.read().strip())
    names = [n for n in sorted(os.listdir(directory)) if re.match(r"CURRENT$|MANIFEST-|OPTIONS-|\d+\.sst$", n)]
    return [(n.encode(), open(os.path.join(directory, n), "rb").read()) for n in names]


def sizes(files):
    return [(name, len(data)) for name, data in files]


LISTS = [
    ([(b"../CURRENT", 10)], "a name or a size that no file"),
    ([(b"/etc/passwd", 10)], "a name or a size that no file"),
    ([(b"state/CURRENT", 10)], "a name or a size that no file"),
    ([(b".", 10)], "a name or a size that no file"),
    ([(b"", 10)], "a name or a size that no file"),
    ([(b"x" * 200, 10)], "a name or a size that no file"),
    ([(b"CURRENT\0", 10)], "a name or a size that no file"),
    ([(b"a", 1 << 62), (b"b", 1 << 62), (b"c", 1)], "a name or a size that no file"),
    ([(b"a", (1 << 64) - 1)], "a name or a size that no file"),
    ([(b"a", 1), (b"b", 1), (b"a", 1)], "its file a is there twice"),
    ([(b"a", 0)], "its files are empty"),
    ([], "its list of files is cut off, or has too many"),
    (b"", "its list of files is cut off, or has too many"),
    (struct.pack("<I", 0xffffffff), "its list of files is cut off, or has too many"),
    (struct.pack("<I", 5) + b"\x01a" + struct.pack("<Q", 7), "a name or a size that no file"),
    (struct.pack("<I", 1) + b"\x01a" + struct.pack("<Q", 7) + b"more", "bytes behind its end"),
    ([(b"a", 1 << 60)], "of which disk-reserve is not for it"),
]


def changed(files, name, change):
    return [(n, change(data) if n.endswith(name) or n.startswith(name) else data) for n, data in files]


def forge_contents(forger, true):
    """Each of these comes whole and with right checksums of its chunks."""
    bad = [
        ([(b"CURRENT", b"no such thing\n")], "cannot be taken"),
        ([f for f in true if not f[0].startswith(b"MANIFEST")], "cannot be taken"),
        ([f for f in true if not f[0].endswith(b".sst")], "cannot be taken"),
        (changed(true, b"CURRENT", lambda d: b"MANIFEST-999999\n"), "cannot be taken"),
        (changed(true, b"CURRENT", lambda d: b"../../log/CURRENT\n"), "cannot be taken"),
        (changed(true, b"MANIFEST", lambda d: d[:len(d) // 2]), "cannot be taken"),
        (changed(true, b".sst", lambda d: d[:100] + bytes([d[100] ^ 1]) + d[101:]), "cannot be taken"),
        (changed(true, b".sst", lambda d: d[:-60]), "cannot be taken"),
        (true + [(b"DAMAGED", b"it was\n")], "was found damaged while it was in use"),
    ]
    for files, why in bad:
        forger.offer(sizes(files))
        forger.send(files)
        forger.refused(why)
    forger.offer(sizes(true), index=forger.index + 7)
    forger.send(true)
    forger.refused("not %d as it was announced" % (forger.index + 7))
    other = members_of_other(forger.config)
    forger.offer(sizes(true), config=other)
    forger.send(true)
    forger.refused("other members than it was")


def members_of_other(config):
    return config[:NEXT_NODE] + struct.pack("<Q", 9) + config[NEXT_NODE + 8:]


def damage_on_the_way_is_mended(forger, true):
    """A chunk whose checksum does not fit is asked for again; one that does not continue is passed over."""
    forger.offer(sizes(true))
    forger.peer.wait_ack(forger.ids, FROM)
    data = true[0][1]
    forger.peer.chunk(forger.ids, len(data) + 5, b"beyond")
    forger.peer.chunk(forger.ids, 0, data + b"more than the file has")
    forger.peer.chunk(forger.ids, 0, data, crc=1)
    wait_for("nothing was asked for again", lambda: log_says(forger.victim, "a piece of a snapshot comes again"))
    forger.send(true)
    forger.peer.wait_ack(forger.ids, DONE)


def forged_snapshots_are_refused_and_the_old_state_stays():
    cluster = Cluster(3, namespaces=False)
    forger = None
    try:
        cluster.form()
        victim = cluster.followers()[0]
        cluster.leader().call("SET", "old", "state")
        cluster.check_equal()
        assert victim.terminate() == 0 # its state is on the disk
        leader = cluster.leader()
        for i in range(300):
            leader.call("SET", "new:%d" % i, "x" * 100)
        assert leader.terminate() == 0
        for node in cluster.nodes:
            node.kill()
        victim.start()
        forger = Forger(cluster, leader, victim)
        for files, why in LISTS:
            forger.offer(files)
            forger.refused(why)
        true = read_state(leader)
        forge_contents(forger, true)
        victim.kill() # what it was offered has left nothing that a start would meet
        victim.start()
        assert victim.call("RAFT", "DIGEST") == forger.before
        forger.peer.dial()
        damage_on_the_way_is_mended(forger, true)
        forger.peer.close()
        for node in cluster.nodes:
            if node is not victim:
                node.start()
        cluster.wait_writable()
        cluster.check_equal(60)
        assert victim.call("GET", "new:299") == b"x" * 100
        cluster.check_logs()
    except BaseException:
        cluster.tell_logs()
        raise
    finally:
        if forger is not None:
            forger.peer.close()
        cluster.close()


TESTS = [forged_snapshots_are_refused_and_the_old_state_stays]
