"""fake_peer.py -- whoever has the cluster's secret can say anything: a false leader for tests.

It takes the place of a node that was killed: listens at its peer address, so that the victim dials
it, and copies from the victim's hello what a hello of this build looks like. It then dials the
victim's data channel under that node's id, and hears the answers on what the victim has dialed.
"""
import hashlib
import hmac
import os
import socket
import struct
import threading

from avow import Client, ReplyError

FROM, TO, INCARNATION, CHANNEL, PORT, HOST = 20, 28, 36, 44, 77, 79  # offsets in a hello
DATA = 1
RAFT, OFFER, CHUNK, ACK = 1, 9, 10, 11


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >> 8)
    return crc ^ 0xffffffff


def crc32c_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ (0x82f63b78 if n & 1 else 0)
        table.append(n)
    return table


TABLE = crc32c_table()


class Wire(Client):
    """RESP as the peer channel uses it, on a connection that is there."""

    def __init__(self, connection):
        self.socket, self.buffer = connection, b""

    def frame(self, body):
        self.socket.sendall(b"$%d\r\n%s\r\n" % (len(body), body))


def prove(secret, role, hello, challenge):
    return hmac.new(secret, role + struct.pack("<I", len(hello)) + hello + challenge, hashlib.sha256).digest()


class FakePeer:
    """In the place of node (killed), towards victim (running)."""

    def __init__(self, node, node_id, victim, secret=b"a secret of the tests"):
        self.node_id, self.secret = node_id, secret
        self.victim = (victim.host, victim.port + 10000)
        self.port = node.port + 10000
        self.hello = None
        self.acks, self.accepted = [], []
        self.heard = threading.Condition()
        self.listener = socket.create_server((node.host, self.port))
        threading.Thread(target=self._accept, daemon=True).start()
        self.dial()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepted.append(connection)
            threading.Thread(target=self._listen, args=(connection,), daemon=True).start()

    def _listen(self, connection):
        wire = Wire(connection)
        try:
            _, hello = wire.receive()
            build = hello[HOST + 1 + hello[HOST]:]  # what the victim says of its own will do for us
            challenge = struct.pack("<Q", self.node_id) + os.urandom(32) + build
            wire.send(b"AVOW.CHALLENGE", challenge)
            wire.receive()
            wire.send(b"AVOW.WELCOME", prove(self.secret, b"listener", hello, challenge))
            with self.heard:
                self.hello, self.level = hello, struct.unpack_from("<I", build)[0]
                self.heard.notify_all()
            while True:
                body = wire.receive()
                if body[1] == ACK:
                    with self.heard:
                        self.acks.append(struct.unpack("<QQB", body[2:19]))
                        self.heard.notify_all()
        except (ReplyError, OSError, ValueError):
            pass

    def dial(self):
        """Also anew, when the victim has been started again."""
        with self.heard:
            assert self.heard.wait_for(lambda: self.hello is not None, 20), "the victim does not dial"
            hello, self.hello = bytearray(self.hello), None
        victim_id = hello[FROM:FROM + 8]
        hello[FROM:FROM + 8] = struct.pack("<Q", self.node_id)
        hello[TO:TO + 8] = victim_id
        hello[INCARNATION:INCARNATION + 8] = struct.pack("<Q", 1)  # the true node is to be newer
        hello[CHANNEL] = DATA
        hello[PORT:PORT + 2] = struct.pack("<H", self.port)
        wire = Wire(socket.create_connection(self.victim, 20))
        wire.send(b"AVOW.HELLO", bytes(hello))
        _, challenge = wire.receive()
        wire.send(b"AVOW.PROOF", prove(self.secret, b"dialer", bytes(hello), challenge))
        wire.receive()
        self.wire = wire

    def offer(self, term, offer_id, index, log_term, config, files):
        """files: (name, size) pairs, or the bytes of a list."""
        if not isinstance(files, bytes):
            files = struct.pack("<I", len(files)) + b"".join(
                struct.pack("<B", len(name)) + name + struct.pack("<Q", size) for name, size in files)
        self.wire.frame(struct.pack("<BBQQQQI", 1, OFFER, term, offer_id, index, log_term, len(config)) + config + files)

    def chunk(self, offer_id, position, data, crc=None):
        crc = crc32c(data) if crc is None else crc
        self.wire.frame(struct.pack("<BBQQI", 1, CHUNK, offer_id, position, crc) + data)

    def has_ack(self, offer_id, seconds):
        with self.heard:
            return self.heard.wait_for(lambda: any(a[0] == offer_id for a in self.acks), seconds)

    def wait_ack(self, offer_id, state, seconds=20, position=None):
        """state: 0 has, 1 from, 2 done, 3 refused."""
        def found():
            return any(a[0] == offer_id and a[2] == state and (position is None or a[1] == position)
                       for a in self.acks)
        with self.heard:
            assert self.heard.wait_for(found, seconds), "no ack %d for %d: %r" % (state, offer_id, self.acks[-5:])

    def close(self):
        """What listens at its address from then on may be the true node."""
        for connection in [self.listener, self.wire.socket] + self.accepted:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()
