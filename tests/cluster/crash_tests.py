"""crash_tests.py -- commands of all types at once while nodes are killed; then all nodes are equal.

Clients of every node send the samples of samples.py over few keys, one by one, in pipelines and in
transactions. Each node is also asked for the digest of the data itself (DEBUG DIGEST), which does not
hang on the order in which rows were written, so that the running digest is checked too.
"""
import random
import threading
import time

import samples
from avow import Client, Cluster, ReplyError

CLIENTS = 6
ROUNDS = 5
# Connections of their own, or too much to read.
NOT_HERE = {"monitor", "subscribe", "psubscribe", "ssubscribe", "quit", "hello", "reset", "client", "command", "multi",
            "exec", "discard", "watch", "config", "debug", "asking", "auth", "select"}
COMMANDS = [line for line in samples.SAMPLES if line.lower().split()[0] not in NOT_HERE]


class Worker(threading.Thread):
    def __init__(self, load, number):
        super().__init__(daemon=True)
        self.load, self.number = load, number
        self.random = random.Random(load.seed * 100 + number)

    def request(self):
        line = self.random.choice(COMMANDS if self.random.random() < 0.8 else samples.SETUP)
        words = samples.words(line, "c%d:" % self.random.randrange(3))
        if self.random.random() < 0.2:  # another key's type, another number
            words[-1] = self.random.choice(["c0:list", "c1:zset", "7", "-1", "x" * self.random.randrange(5000)])
        return words

    def run(self):
        client = None
        while not self.load.ended:
            try:
                if client is None:
                    client = Client(self.random.choice(self.load.cluster.nodes).address, 15)
                requests = [self.request() for _ in range(self.random.choice([1, 1, 4, 16]))]
                if self.random.random() < 0.3:
                    requests = [["MULTI"], *requests, ["EXEC"]]
                for words in requests:
                    client.send(*words)
                for _ in requests:
                    self.receive(client)
            except (OSError, ConnectionError):
                if client is not None:
                    client.close()
                client = None
                time.sleep(0.02)

    def receive(self, client):
        try:
            client.receive()
            self.load.done += 1
        except ReplyError as e:
            code = str(e).split()[0]
            self.load.errors[code] = self.load.errors.get(code, 0) + 1


class Load:
    def __init__(self, cluster, seed):
        self.cluster, self.seed, self.ended = cluster, seed, False
        self.done, self.errors = 0, {}
        self.workers = [Worker(self, i) for i in range(CLIENTS)]

    def __enter__(self):
        for worker in self.workers:
            worker.start()
        return self

    def __exit__(self, *exception):
        self.ended = True
        for worker in self.workers:
            worker.join(40)
        return False


def all_types_at_once_while_nodes_are_killed():
    seed = int(time.time())
    chance = random.Random(seed)
    cluster = Cluster()
    try:
        cluster.form()
        with Load(cluster, seed) as load:
            for _ in range(ROUNDS):
                time.sleep(1 + chance.random())
                victims = cluster.nodes if chance.random() < 0.3 else [chance.choice(cluster.nodes)]
                for node in victims:
                    node.kill()
                time.sleep(chance.random())
                for node in victims:
                    node.start(wait=False)
                for node in victims:
                    node.wait_port()
                cluster.wait_writable()
            time.sleep(1)
        cluster.wait_writable()
        cluster.check_equal()
        data = [node.call("DEBUG", "DIGEST") for node in cluster.nodes]
        assert data[0] == data[1] == data[2], data
        cluster.check_logs()
        assert load.done > 1000, "only %d commands" % load.done
        print("   ", load.done, "commands, errors", dict(sorted(load.errors.items())), "seed", seed)
    except BaseException:
        cluster.tell_logs()
        print("seed", seed)
        raise
    finally:
        cluster.close()


TESTS = [all_types_at_once_while_nodes_are_killed]
