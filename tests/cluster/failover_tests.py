#!/usr/bin/env python3
"""failover_tests.py -- how long writes stand still when the leader goes, with the default settings.

    tests/cluster/failover_tests.py [--times 50] [KIND ...]    a table; exits 1 when an aim is missed

A writer on each node that stays sends one SET after the other. Measured is the longest silence
between two acknowledgements at any of them in the second after the leader went (two, when it goes
silently), which is no shorter than the time from then to the next acknowledged write. An error reply at
a writer fails the test.
"""
import argparse
import os
import statistics
import sys
import threading
import time

from avow import Client, Cluster, ReplyError, Skipped, can_use_namespaces, is_sanitized, free_ports

TIMES = 10
MEDIAN_MS_MAX = 500  # in make check-cluster, whatever else the machine does


class Writer(threading.Thread):
    def __init__(self, node):
        super().__init__(daemon=True)
        self.node, self.ended, self.error = node, False, None
        self.acknowledged = []  # when

    def run(self):
        try:
            client = Client(self.node.address, 20)
            while not self.ended:
                client.call("SET", "failover:%d" % self.node.number, "%d" % len(self.acknowledged))
                self.acknowledged.append(time.monotonic())
            client.close()
        except Exception as e:
            self.error = "node %d: %r" % (self.node.number, e)

    def stop(self):
        self.ended = True
        self.join(30)
        assert self.error is None, "a client of a node that lives on got an error: " + self.error
        value = self.node.call("GET", "failover:%d" % self.node.number)
        assert int(value) == len(self.acknowledged) - 1, "an acknowledged write is lost: %r" % value

    def longest_silence_ms(self, since):
        times = [since] + [t for t in self.acknowledged if t > since] + [time.monotonic()]
        return 1000 * max(b - a for a, b in zip(times, times[1:]))


def wait_caught_up(cluster, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        applied = [int(node.info("raft")["raft_last_applied"]) for node in cluster.nodes]
        if max(applied) - min(applied) < 100:
            return
        time.sleep(0.05)
    raise AssertionError("not caught up: %r" % applied)


class Kind:
    """How the leader goes and comes back; what the clients of the others may notice of it."""

    def __init__(self, go, come=lambda cluster, leader: None, watched=1, median_ms=100, worst_ms=500):
        self.go, self.come, self.watched = go, come, watched
        self.median_ms, self.worst_ms = median_ms, worst_ms


def end(cluster, leader):
    assert leader.terminate() == 0, "SIGTERM did not end with status 0:\n" + leader.log_tail()


def transfer(cluster, leader):
    assert leader.call("RAFT", "TRANSFER") == b"OK"


def start(cluster, leader):
    leader.start()


KINDS = {
    "kill": Kind(lambda cluster, leader: leader.kill(), start),
    "stop": Kind(lambda cluster, leader: leader.pause(), lambda cluster, leader: leader.resume(), 2, 500, 1500),
    "cable": Kind(Cluster.pull_cable, Cluster.plug_cable, 2, 500, 1500),
    "term": Kind(end, start, 1, 50, 500),
    "transfer": Kind(transfer, median_ms=50),
}


def leader_goes(cluster, kind):
    """Returns the longest silence at a client of a node that stays, in ms."""
    leader = cluster.leader()
    writers = [Writer(node) for node in cluster.nodes if node is not leader or kind.go is transfer]
    for writer in writers:
        writer.start()
    time.sleep(0.3)
    gone = time.monotonic()
    kind.go(cluster, leader)
    time.sleep(max(0.0, gone + kind.watched - time.monotonic()))
    silence_ms = max(writer.longest_silence_ms(gone) for writer in writers)
    if silence_ms > kind.worst_ms:
        print("    %.0f ms: the leader was node %d, who went %s\n%s"
              % (silence_ms, leader.number, time.strftime("%T"),
                 "\n".join(w.node.log_tail(12) for w in writers)), flush=True)
    for writer in writers:
        writer.stop()
    kind.come(cluster, leader)
    cluster.wait_writable(nodes=[leader])
    wait_caught_up(cluster)
    return silence_ms


def measure(name, times=TIMES):
    """The silences, sorted."""
    with Cluster() as cluster:
        if name == "cable" and not cluster.namespaces:
            raise Skipped("needs root for network namespaces")
        cluster.form()
        found = sorted(leader_goes(cluster, KINDS[name]) for _ in range(times))
        print("    longest silence at a client in ms: median %.0f, from %.0f to %.0f"
              % (statistics.median(found), found[0], found[-1]), flush=True)
        cluster.check_equal()
        cluster.check_logs()
        return found


def check(name):
    found = measure(name)
    assert statistics.median(found) < MEDIAN_MS_MAX, found


def writes_go_on_within_half_a_second_of_a_kill_of_the_leader():
    check("kill")


def a_planned_end_of_the_leader_costs_no_error():
    check("term")


def a_leader_that_stands_still_is_replaced():
    check("stop")


def a_leader_whose_cable_is_pulled_is_replaced():
    check("cable")


def a_transfer_of_the_lead_costs_no_error():
    check("transfer")


REPLACED_SECONDS = 3 + 2  # TCP_USER_TIMEOUT; and its granularity, on a busy machine


def a_dead_link_is_replaced_in_bounded_time():
    """One way between two followers' leader and one of them goes dead without a sign: the connection ends by
    its own time-outs; the others go on in the same term; when the link is back, so is the follower."""
    if not can_use_namespaces():
        raise Skipped("needs root for network namespaces")
    with Cluster() as cluster:
        cluster.form()
        leader = cluster.leader()
        term = leader.info("raft")["raft_term"]
        for there in (True, False):
            follower = [n for n in cluster.nodes if n is not leader][0]
            ends = (leader, follower) if there else (follower, leader)
            before = leader.log_tail(100000).count("connection lost") + follower.log_tail(100000).count("connection lost")
            cut = time.monotonic()
            cluster.cut(ends[0].number, ends[1].number)
            while (leader.log_tail(100000).count("connection lost") +
                   follower.log_tail(100000).count("connection lost") == before):
                assert time.monotonic() - cut < REPLACED_SECONDS, "a dead connection is kept"
                leader.call("SET", "link", "cut")
                time.sleep(0.02)
            lost = time.monotonic()
            cluster.heal()
            follower.call("SET", "link", "back")
            print("    cut %s: a connection ended after %.1f s; served %.2f s after the link was back"
                  % ("there" if there else "back", lost - cut, time.monotonic() - lost))
            assert leader.info("raft")["raft_term"] == term, "another term: " + leader.log_tail()
        cluster.check_equal()
        cluster.check_logs()


class LargePipeline(threading.Thread):
    """SETs of a megabyte, all sent before the first reply is read."""

    def __init__(self, node, count):
        super().__init__(daemon=True)
        self.node, self.count, self.replies = node, count, []

    def run(self):
        client = Client(self.node.address, 120)
        value = os.urandom(1000000)
        sender = threading.Thread(target=lambda: [client.send("SET", "large:%d:%d" % (self.node.number, i % 10), value)
                                                  for i in range(self.count)])
        sender.start()
        for _ in range(self.count):
            try:
                self.replies.append(client.receive())
            except ReplyError as e:
                self.replies.append(str(e))
        sender.join()
        client.close()


def assert_goes_first(node):
    """Consensus and log go before commands, where the system lets them."""
    pid = node.process.pid
    nice = {}
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/comm" % (pid, task)) as name:
            nice[name.read().strip()] = os.getpriority(os.PRIO_PROCESS, int(task))
    wanted = min(nice["avow-server"], -10 if os.geteuid() == 0 else nice["consensus"])
    assert nice["consensus"] == nice["log-writer"] == wanted, nice


def large_pipelines_do_not_unseat_the_leader():
    """Some hundred megabytes wait for the leader's disk: it works, so it goes on leading."""
    slow = is_sanitized()  # ten times, so timeouts are too
    options = ["--tick-ms", "100", "--quorum-wait-ms", "60000"] if slow else []
    with Cluster(namespaces=False, options=options) as cluster:  # a bridge drops frames under such a load
        cluster.form()
        leader = cluster.leader()
        assert_goes_first(leader)
        term = leader.info("raft")["raft_term"]
        count = 20 if slow else 150
        pipelines = [LargePipeline(node, count) for node in cluster.nodes]
        for p in pipelines:
            p.start()
        for p in pipelines:
            p.join(120)
            assert p.replies == [b"OK"] * p.count, [r for r in p.replies if r != b"OK"][:3]
        assert leader.info("raft")["raft_term"] == term, "another term: " + leader.log_tail()
        assert "handing over" not in leader.log_tail(100000)
        cluster.check_equal(60)
        cluster.check_logs()


def all_nodes_move_at_once_and_find_each_other_by_hints():
    with Cluster(3) as cluster:
        cluster.form()
        for node in cluster.nodes:
            node.kill()
        for node in cluster.nodes:
            node.port = node.port + 1 if cluster.namespaces else free_ports(1)[0]
        hints = " ".join(node.peer_address for node in cluster.nodes)
        for node in cluster.nodes:
            node.start("--peer", hints)
        cluster.wait_writable()
        end = time.monotonic() + 20
        for node in cluster.nodes: # until the log of each says where all are
            while not any(all(n.peer_address.encode() in line for n in cluster.nodes)
                          for line in node.call("RAFT", "LOG", "1", "1000")):
                assert time.monotonic() < end, node.call("RAFT", "LOG", "1", "1000")
                time.sleep(0.1)
        for node in cluster.nodes:
            node.kill()
        for node in cluster.nodes:
            node.start()
        cluster.wait_writable()
        cluster.check_equal()
        cluster.check_logs()


TESTS = [all_nodes_move_at_once_and_find_each_other_by_hints,
         writes_go_on_within_half_a_second_of_a_kill_of_the_leader, a_planned_end_of_the_leader_costs_no_error,
         a_leader_that_stands_still_is_replaced, a_leader_whose_cable_is_pulled_is_replaced,
         a_transfer_of_the_lead_costs_no_error, a_dead_link_is_replaced_in_bounded_time, large_pipelines_do_not_unseat_the_leader]


def main():
    parser = argparse.ArgumentParser(description="How long writes stand still when the leader goes.")
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="of: " + " ".join(KINDS))
    arguments = parser.parse_args()
    missed = 0
    for name in arguments.kinds or KINDS:
        if name == "cable" and not can_use_namespaces():
            print("%-9s needs root for network namespaces" % name)
            continue
        kind, found = KINDS[name], measure(name, arguments.times)
        median, worst = statistics.median(found), found[-1]
        held = median < kind.median_ms and worst < kind.worst_ms
        missed += not held
        print("%-9s %3d times: median %4.0f ms (aim %d), worst %4.0f ms (aim %d)%s"
              % (name, len(found), median, kind.median_ms, worst, kind.worst_ms, "" if held else "  MISSED"), flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
