"""bad_disk_tests.py -- disks that fail, hang, forget and change bits (ARCHITECTURE §6.4), by a preloaded shim."""
import os
import random
import shutil
import time

from avow import Client, Cluster, ReplyError
from disk_tests import SmallDisk, fill, needs_mounts, wait_written
from shim import DELAY, FAIL, FLIP, FULL, HANG, LIE, READ, SYNC, WRITE, BadDisk, files_of, flip
from snapshot_tests import OPTIONS as SMALL_LOGS
from snapshot_tests import log_says, wait_for, write_much
from workload import Load

HAND_OVER_SECONDS = 5


def with_bad_disks(scenario, power_loss=False, options=()):
    cluster = Cluster(namespaces=False, options=options)
    try:
        for node in cluster.nodes:
            node.disk = BadDisk(node, power_loss)
        cluster.form()
        scenario(cluster)
    except BaseException:
        cluster.tell_logs()
        raise
    finally:
        for node in cluster.nodes:
            if hasattr(node, "disk"):
                node.disk.heal()  # who hangs in a call can be ended
        cluster.close()


def log_count(node, text):
    with open(os.path.join(node.home, "avow.log"), errors="replace") as log:
        return log.read().count(text)


def wait_end(node, seconds=10):
    """The process ends by itself; its last words."""
    status = node.process.wait(seconds)
    assert status != 0, "node %d ended with status 0" % node.number
    words = [line for line in node.log_tail(200).splitlines() if line.startswith("panic: ")]
    assert words, "node %d ended without a word:\n%s" % (node.number, node.log_tail())
    return words[-1]


def forget_last_words(node):
    """What was to be expected is not for check_logs()."""
    for name in ("avow.log", "output"):
        path = os.path.join(node.home, name)
        if os.path.exists(path):
            os.rename(path, path + ".seen")


def the_log_s_disk_fails(choose, operations):
    def scenario(cluster):
        with Load(cluster) as load:
            load.wait_progress()
            victim = choose(cluster)
            victim.disk.set(FAIL, operations, "log/")
            words = wait_end(victim)
            assert "the log cannot be written" in words and "start it again" in words, words
            load.wait_progress(10)
            victim.disk.heal()
            forget_last_words(victim)
            victim.start()
            cluster.wait_ready(victim)
            load.wait_progress(10)
        load.judge()
    with_bad_disks(scenario)


def a_leader_whose_sync_of_the_log_fails_ends():
    the_log_s_disk_fails(lambda cluster: cluster.leader(), SYNC)


def a_follower_whose_sync_of_the_log_fails_ends():
    the_log_s_disk_fails(lambda cluster: cluster.followers()[0], SYNC)


def a_leader_whose_write_to_the_log_fails_ends():
    the_log_s_disk_fails(lambda cluster: cluster.leader(), WRITE)


def a_leader_whose_sync_hangs_hands_over():
    def scenario(cluster):
        with Load(cluster) as load:
            load.wait_progress()
            for _ in range(2):
                victim = cluster.leader()
                victim.disk.set(HANG, SYNC, "log/")
                begin = time.monotonic()
                others = [n for n in cluster.nodes if n is not victim]
                wait_for("it still leads", lambda: any(n.info("raft")["raft_role"] == "leader" for n in others),
                         HAND_OVER_SECONDS)
                cluster.wait_writable(HAND_OVER_SECONDS, others)
                print("    another leader after %.2f s" % (time.monotonic() - begin))
                load.wait_progress(5)
                assert victim.running(), victim.log_tail()
                victim.disk.heal()
                cluster.wait_writable()
        load.judge()
    with_bad_disks(scenario)


def no_room_for_the_log_s_files(choose):
    """RocksDB cannot write what it has of the log in memory to a file: the WAL has it, the node waits and lives on."""
    def scenario(cluster):
        victim = choose(cluster)
        other = [n for n in cluster.followers() if n is not victim][0]
        victim.disk.set(FULL, WRITE, "log/")
        acknowledged = []
        for burst in range(20):
            numbers, error = fill(other, burst * 100, 100)
            assert error is None, error
            acknowledged += numbers
            if log_count(victim, "writes wait until there is room"):
                break
        assert log_count(victim, "writes wait until there is room") == 1, "%d hits" % victim.disk.hits
        numbers, error = fill(other, 5000, 100)  # the others have room
        assert error is None and len(numbers) == 100, error
        assert victim.running() and victim.disk.hits > 0
        victim.disk.heal()
        wait_written(victim, 30)
        cluster.check_equal(60)
        assert log_count(victim, "writes go on") == 1
        for i in (acknowledged + numbers)[::50]:
            assert len(victim.call("GET", "fill:%d" % i)) > 0
    with_bad_disks(scenario)


def a_follower_without_room_for_its_log_s_files_waits_for_it():
    no_room_for_the_log_s_files(lambda cluster: cluster.followers()[0])


def a_leader_without_room_for_its_log_s_files_hands_over():
    no_room_for_the_log_s_files(lambda cluster: cluster.leader())


def slow_syncs_of_a_follower_hold_nobody_up():
    def scenario(cluster):
        victim = cluster.followers()[0]
        victim.disk.set(DELAY, SYNC, "log/", 300)
        others = [n for n in cluster.nodes if n is not victim]
        client = Client(others[0].address)
        begin = time.monotonic()
        for i in range(300):
            assert client.call("SET", "slow:%d" % i, i) == b"OK"
        took = time.monotonic() - begin
        client.close()
        assert victim.disk.hits > 0
        assert took < 30, "300 writes took %.1f s: each waits for the slow disk" % took
        victim.disk.heal()
        cluster.check_equal()
        cluster.check_logs()
    with_bad_disks(scenario)


# --- power loss -------------------------------------------------------------------------------------


def kill_all(cluster):
    for node in cluster.nodes:
        node.process.kill()
    for node in cluster.nodes:
        node.process.wait()


def start_all(cluster):
    for node in cluster.nodes:
        node.start(wait=False)
    for node in cluster.nodes:
        node.wait_port()


def power_loss(torn):
    def scenario(cluster):
        chance, lost = random.Random(7), 0
        with Load(cluster) as load:
            for turn in range(5):
                load.wait_progress(30)
                time.sleep(chance.random())
                kill_all(cluster)
                lost += sum(node.disk.lose_power(chance if torn else None) for node in cluster.nodes)
                start_all(cluster)
            load.wait_progress(30)
        print("   ", load.judge(), "%d files lost what was not synced" % lost)
        assert lost > 0, "no unsynced write was there to be lost"
    with_bad_disks(scenario, power_loss=True, options=("--flush-log-bytes", "1mb", "--flush-interval", "1"))


def all_nodes_lose_power_and_what_was_acknowledged_is_there():
    power_loss(torn=False)


def all_nodes_lose_power_and_tails_are_torn():
    power_loss(torn=True)


def a_disk_that_lies_about_syncs_is_found_out():
    """What was said to be durable is gone: the node does not vote with what is left (log.mark)."""
    def scenario(cluster):
        victim = cluster.followers()[0]
        victim.disk.set(LIE, SYNC)
        for i in range(50):
            assert cluster.leader().call("SET", "lie:%d" % i, i) == b"OK"
        cluster.check_equal()
        number = victim.info("raft")["raft_node_id"]
        victim.kill()
        assert victim.disk.lose_power() > 0
        victim.disk.heal()
        victim.start(wait=False)
        assert victim.process.wait(20) != 0
        assert "remove its state and log together" in victim.log_tail(), victim.log_tail()
        rejoin(cluster, victim, number)
    with_bad_disks(scenario, power_loss=True)


# --- changed bits -----------------------------------------------------------------------------------


def rejoin(cluster, node, old):
    """What the message says: its directory is removed, it comes back as somebody new."""
    other = next(n for n in cluster.nodes if n is not node)
    assert other.call("RAFT", "REMOVE", old) == b"OK"
    shutil.rmtree(node.home)
    os.makedirs(node.home)
    node.start("--cluster-init", "no")
    cluster.add(node, through=other)
    cluster.wait_writable()
    cluster.check_equal()
    cluster.check_logs()


def flipped_bits_in_the_log_are_not_believed():
    with Cluster(namespaces=False) as cluster:
        cluster.form()
        for i in range(300):
            cluster.nodes[0].call("SET", "bits:%d" % i, "x" * 100)
        victim = cluster.followers()[0]
        cluster.check_equal()
        number = victim.info("raft")["raft_node_id"]
        victim.kill()
        newest = files_of(victim, "log", ".log")[-1]
        flip(newest, 15000)  # in the middle of the records
        victim.start(wait=False)
        assert victim.process.wait(20) != 0
        said = victim.log_tail()
        assert "remove its state and log together" in said and "/log" in said, said
        rejoin(cluster, victim, number)


def damaged_state(harm):
    """A follower's state goes bad, its log stays sound: it drops the one, keeps the other, and is the same member."""
    def scenario(cluster):
        chance = random.Random(3)
        write_much(cluster.leader(), 20, chance)
        for node in cluster.nodes:
            node.call("SAVE")
        write_much(cluster.leader(), 5, chance)
        cluster.check_equal()
        victim = cluster.followers()[0]
        number = victim.info("raft")["raft_node_id"]
        assert int(victim.info("raft")["raft_log_first_index"]) > 1, "its log was not cut: it needs nobody's snapshot"
        with Load(cluster) as load:
            load.wait_progress()
            harm(cluster, victim)
            wait_for("no snapshot came", lambda: log_says(victim, "a snapshot was installed"), 30)
            load.wait_progress()
        load.judge()
        assert victim.info("raft")["raft_node_id"] == number
        for _ in range(2):  # what it starts on now is what it had
            victim.kill()
            victim.start()
            cluster.wait_ready(victim)
        cluster.check_equal()
        cluster.check_logs()
    with_bad_disks(scenario, options=SMALL_LOGS + ("--cache-size", "8mb"))


def read_all(node):
    """Until the node answers no more."""
    try:
        client = Client(node.address)
        cursor = b"0"
        while True:
            cursor, keys = client.call("SCAN", cursor, "COUNT", "1000")
            for key in keys:
                client.call("DUMP", key)
            if cursor == b"0":
                return
    except (OSError, ReplyError):
        pass


def flip_rows(node):
    """In each block of each file: after a kill, some of the files may be of before a compaction and never read."""
    generation = open(os.path.join(node.home, "state", "CURRENT")).read().strip()
    for path in files_of(node, "state/" + generation, ".sst"):
        for position in range(1000, os.path.getsize(path) - 4000, 4096):
            flip(path, position)


def flipped_bits_in_rows_are_found_and_the_state_is_made_anew():
    def harm(cluster, victim):
        victim.kill()
        flip_rows(victim)
        victim.start(wait=False)
        time.sleep(1)
        if victim.running():
            read_all(victim)
        words = wait_end(victim)
        assert "the state is damaged" in words and "Start this node again" in words, words
        forget_last_words(victim)
        victim.start()
        wait_for("it does not say so", lambda: log_says(victim, "the state is damaged and dropped"), 10)
    damaged_state(harm)


def a_state_that_is_gone_is_made_anew():
    def harm(cluster, victim):
        victim.kill()
        shutil.rmtree(os.path.join(victim.home, "state"))
        victim.disk.set(FAIL, WRITE, "state/incoming")
        victim.start()
        wait_for("it does not say so", lambda: b"state of this node is gone" in victim.call("RAFT", "DOCTOR"), 10)
        try:
            raise AssertionError("a node without a state answered %r" % victim.call("GET", "formed"))
        except ReplyError as e:
            assert str(e).startswith("LOADING"), e
        wait_for("it does not say why", lambda: b"not take a snapshot" in victim.call("RAFT", "DOCTOR"), 10)
        victim.disk.heal()
    damaged_state(harm)


def a_lone_voter_with_a_damaged_state_throws_nothing_away():
    cluster = Cluster(1, namespaces=False, options=SMALL_LOGS + ("--cache-size", "8mb"))
    node = cluster.nodes[0]
    try:
        cluster.form()
        write_much(node, 20, random.Random(9))
        node.call("SAVE")
        wait_for("the log was not cut", lambda: int(node.info("raft")["raft_log_first_index"]) > 1, 20)
        node.kill()
        flip_rows(node)
        node.start(wait=False)
        time.sleep(1)
        if node.running():
            read_all(node)
        node.process.wait(20)
        files = files_of(node, "state/1", ".sst")
        for _ in range(2):
            node.start(wait=False)
            assert node.process.wait(20) != 0
            assert "No other member has the state" in node.log_tail(), node.log_tail()
            assert files_of(node, "state/1", ".sst") == files
    except BaseException:
        cluster.tell_logs()
        raise
    finally:
        cluster.close()


def unreadable_rows_end_the_node_and_it_goes_on_when_they_can_be_read():
    def scenario(cluster):
        chance = random.Random(4)
        write_much(cluster.leader(), 20, chance)
        victim = cluster.leader()
        victim.call("SAVE")
        victim.kill()
        victim.start()
        cluster.wait_ready(victim)
        victim.disk.set(FAIL, READ, "state/")
        read_all(victim)
        words = wait_end(victim)
        assert "cannot read the state" in words and "Look after the disk" in words, words
        cluster.wait_writable(10, [n for n in cluster.nodes if n is not victim])
        victim.disk.heal()
        forget_last_words(victim)
        victim.start()
        cluster.wait_writable()
        cluster.check_equal()
        cluster.check_logs()
    with_bad_disks(scenario, options=SMALL_LOGS + ("--cache-size", "8mb"))


def flipped_bits_in_a_snapshot_are_not_installed():
    def scenario(cluster):
        chance = random.Random(5)
        laggard = cluster.followers()[0]
        laggard.kill()
        write_much(cluster.leader(), 20, chance)
        leader = cluster.leader()
        laggard.disk.set(FLIP, WRITE, "state/incoming")
        laggard.start()
        wait_for("it was not refused", lambda: log_says(laggard, "a snapshot cannot be taken"), 30)
        time.sleep(3)
        assert not log_says(laggard, "a snapshot was installed")
        assert laggard.running() and leader.running(), laggard.log_tail()
        assert log_count(laggard, "receiving a snapshot") < 10, "it is sent again and again"
        laggard.disk.heal()
        wait_for("no snapshot came", lambda: log_says(laggard, "a snapshot was installed"), 60)
        cluster.check_equal(60)
        cluster.check_logs()
    with_bad_disks(scenario, options=SMALL_LOGS)


def a_leader_that_finds_its_state_damaged_leaves_the_sending_to_another():
    def scenario(cluster):
        laggard = cluster.followers()[0]
        laggard.kill()
        write_much(cluster.leader(), 20, random.Random(8))
        leader = cluster.leader()
        leader.disk.set(FLIP, READ, "state/checkpoint")
        laggard.start()
        words = wait_end(leader, 30)
        assert "the state is damaged" in words and "Start this node again" in words, words
        wait_for("no snapshot came", lambda: log_says(laggard, "a snapshot was installed"), 60)
        leader.disk.heal()
        forget_last_words(leader)
        leader.start()
        wait_for("no snapshot came", lambda: log_says(leader, "a snapshot was installed"), 60)
        cluster.wait_writable()
        cluster.check_equal(60)
        cluster.check_logs()
    with_bad_disks(scenario, options=SMALL_LOGS)


@needs_mounts
def a_snapshot_for_which_there_is_no_room_waits_for_it():
    cluster = Cluster(namespaces=False, options=SMALL_LOGS + ("--disk-reserve", "64mb", "--cache-size", "32mb"))
    laggard = cluster.nodes[2]
    with SmallDisk(laggard.home, 400) as disk:
        try:
            cluster.form()
            laggard.kill()
            write_much(cluster.leader(), 150, random.Random(6))
            filler = os.path.join(laggard.home, "filler")
            with open(filler, "wb") as f:
                f.write(bytes(230 << 20))
            laggard.start()
            wait_for("it was not refused", lambda: log_says(laggard, "make room"), 30)
            time.sleep(5)
            assert b"make room" in laggard.call("RAFT", "DOCTOR"), laggard.call("RAFT", "DOCTOR")
            attempts = log_count(laggard, "receiving a snapshot")
            assert attempts < 10, "%d attempts in 5 s" % attempts
            assert laggard.running(), laggard.log_tail()
            os.unlink(filler)
            disk.resize(1000)
            wait_for("no snapshot came", lambda: log_says(laggard, "a snapshot was installed"), 60)
            cluster.check_equal(60)
            assert b"take a snapshot" not in laggard.call("RAFT", "DOCTOR")
            cluster.check_logs()
        except BaseException:
            cluster.tell_logs()
            raise
        finally:
            cluster.close()


TESTS = [
    a_leader_whose_sync_of_the_log_fails_ends, a_follower_whose_sync_of_the_log_fails_ends,
    a_leader_whose_write_to_the_log_fails_ends, a_leader_whose_sync_hangs_hands_over,
    a_follower_without_room_for_its_log_s_files_waits_for_it, a_leader_without_room_for_its_log_s_files_hands_over,
    slow_syncs_of_a_follower_hold_nobody_up, all_nodes_lose_power_and_what_was_acknowledged_is_there,
    all_nodes_lose_power_and_tails_are_torn, a_disk_that_lies_about_syncs_is_found_out,
    flipped_bits_in_the_log_are_not_believed, flipped_bits_in_rows_are_found_and_the_state_is_made_anew,
    a_state_that_is_gone_is_made_anew, a_lone_voter_with_a_damaged_state_throws_nothing_away,
    unreadable_rows_end_the_node_and_it_goes_on_when_they_can_be_read,
    flipped_bits_in_a_snapshot_are_not_installed,
    a_leader_that_finds_its_state_damaged_leaves_the_sending_to_another, a_snapshot_for_which_there_is_no_room_waits_for_it,
]
