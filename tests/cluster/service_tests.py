"""service_tests.py -- what a service manager is told (sd_notify): start, what is waited for, end."""
import os
import socket
import time

from avow import Cluster

PATIENCE = 10  # SERVICE_PATIENCE_US


class Manager:
    """A socket for NOTIFY_SOCKET in a file, and what has come there."""

    def __init__(self, node):
        self.path = os.path.join(node.home, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        node.wrapper = ["env", "NOTIFY_SOCKET=" + self.path]
        self.told = []

    def wait(self, text, seconds=30):
        """Until something that begins so has come; what came since the last call, in order."""
        end, told = time.monotonic() + seconds, []
        while True:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                told.append(self.socket.recv(4096).decode())
            except socket.timeout:
                raise AssertionError("not told %r, but %r" % (text, told)) from None
            self.told.append(told[-1])
            if told[-1].startswith(text):
                return told


def the_service_manager_is_told_how_far_a_node_is():
    with Cluster(3) as cluster:
        managers = [Manager(node) for node in cluster.nodes]
        cluster.nodes[0].start()
        assert managers[0].wait("READY=1")[-2] == "STATUS=serving"
        cluster.wait_writable(nodes=cluster.nodes[:1])
        for node, manager in zip(cluster.nodes[1:], managers[1:]):
            began = time.monotonic()
            node.start()
            # systemctl start must end, so that somebody can introduce it
            assert manager.wait("READY=1")[0].startswith("STATUS=waiting to be introduced"), manager.told
            assert time.monotonic() - began < PATIENCE / 2
            cluster.add(node)
            manager.wait("STATUS=serving")
        # Most are gone: one that starts alone tells what it waits for, and holds up nobody for long.
        for node in cluster.nodes[1:]:
            assert node.terminate() == 0
        for manager in managers[1:]:
            manager.wait("STOPPING=1")
        managers[0].wait("STATUS=no leader")
        cluster.nodes[0].kill()
        began = time.monotonic()
        cluster.nodes[0].start()
        assert managers[0].wait("READY=1", PATIENCE + 10)[0].startswith("STATUS=waiting for a majority"), managers[0].told
        assert time.monotonic() - began > PATIENCE - 1, managers[0].told
        cluster.nodes[1].start()
        managers[0].wait("STATUS=serving")
        assert managers[0].told.count("READY=1") == 2, managers[0].told  # once a start
        # Nobody listens any more: that disturbs nothing.
        managers[1].socket.close()
        cluster.nodes[1].terminate()
        cluster.nodes[1].start()
        cluster.wait_ready(cluster.nodes[1])
        cluster.check_logs()


TESTS = [the_service_manager_is_told_how_far_a_node_is]
