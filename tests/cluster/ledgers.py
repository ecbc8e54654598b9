"""ledgers.py -- lists, sets and a bank, in which a lost, doubled or half done write is seen for ever.

Each ledger offers work(worker), one operation whose outcome is remembered, and judge(nodes). A register's history
(workload.py) shows which values can have been there; a ledger shows that each write took place exactly once, and
where its reply said. No write is ever sent twice, so one that is there twice was executed twice.
"""
import threading

from avow import ReplyError

KEYS = 3
ACCOUNTS, DEPOSIT = 6, 1000


class Outcomes:
    """What became of values that are written once each."""

    def __init__(self):
        self.acknowledged, self.uncertain, self.refused = {}, set(), set()

    def take(self, value, known, reply):
        if not known:
            self.uncertain.add(value)
        elif reply is ReplyError:
            self.refused.add(value)
        else:
            self.acknowledged[value] = reply


class Lists:
    """RPUSH tells where the value went; nothing else changes the list, so that every look at it is a beginning of
    what is there in the end, and at least as long as any reply that came before the look began."""

    def __init__(self):
        self.lock = threading.Lock()
        self.outcomes = {"list:%d" % i: Outcomes() for i in range(KEYS)}
        self.longest = dict.fromkeys(self.outcomes, 0)
        self.looks = []

    def prepare(self, node):
        node.call("DEL", *self.outcomes)

    def work(self, worker):
        key = worker.random.choice(list(self.outcomes))
        if worker.random.random() < 0.1:
            longest = self.longest[key]
            known, values = worker.call(("LRANGE", key, 0, -1))
            if known and values is not ReplyError:
                self.looks.append((key, longest, values))
            return
        value = worker.unique()
        known, length = worker.call(("RPUSH", key, value))
        with self.lock:
            self.outcomes[key].take(value, known, length)
            if known and length is not ReplyError:
                self.longest[key] = max(self.longest[key], length)

    def judge(self, nodes):
        for key, outcomes in self.outcomes.items():
            final = nodes[0].call("LRANGE", key, 0, -1)
            for node in nodes[1:]:
                assert node.call("LRANGE", key, 0, -1) == final, "%s differs on node %d" % (key, node.number)
            assert len(set(final)) == len(final), "%s: a value was pushed twice" % key
            assert outcomes.refused.isdisjoint(final), "%s: CLUSTERDOWN left a trace" % key
            for value, place in outcomes.acknowledged.items():
                assert place <= len(final) and final[place - 1] == value, "%s: %r is not at %d" % (key, value, place)
            for looked, longest, values in self.looks:
                if looked == key:
                    assert values == final[:len(values)], "%s: a read saw what was not" % key
                    assert len(values) >= longest, "%s: a read was stale" % key


class Sets:
    """A value that is new is added: SADD answers 1, or it was executed twice."""

    def __init__(self):
        self.lock = threading.Lock()
        self.outcomes = {"set:%d" % i: Outcomes() for i in range(KEYS)}

    def prepare(self, node):
        node.call("DEL", *self.outcomes)

    def work(self, worker):
        key = worker.random.choice(list(self.outcomes))
        value = worker.unique()
        known, added = worker.call(("SADD", key, value))
        with self.lock:
            self.outcomes[key].take(value, known, added)

    def judge(self, nodes):
        for key, outcomes in self.outcomes.items():
            assert set(outcomes.acknowledged.values()) <= {1}, "%s: a value was added twice" % key
            for node in nodes:
                final = set(node.call("SMEMBERS", key))
                lost = outcomes.acknowledged.keys() - final
                assert not lost, "%s: %d acknowledged values are not on node %d" % (key, len(lost), node.number)
                assert outcomes.refused.isdisjoint(final), "%s: CLUSTERDOWN left a trace" % key
                assert final <= outcomes.acknowledged.keys() | outcomes.uncertain, "%s: out of nowhere" % key


class Bank:
    """Money goes from one account to another under MULTI; whoever looks sees all of it. Where every outcome is
    known, each account's end is known, too."""

    def __init__(self):
        self.lock = threading.Lock()
        self.accounts = ["account:%d" % i for i in range(ACCOUNTS)]
        self.balance = dict.fromkeys(self.accounts, DEPOSIT)
        self.uncertain = []  # amounts by account that may have come
        self.sums = []

    def prepare(self, node):
        node.call("MSET", *[word for account in self.accounts for word in (account, DEPOSIT)])

    def work(self, worker):
        if worker.random.random() < 0.2:
            known, found = worker.call(("MGET", *self.accounts))
            if known and found is not ReplyError:
                self.sums.append(sum(map(int, found)))
            return
        source, target = worker.random.sample(self.accounts, 2)
        amount = worker.random.randrange(1, 50)
        for words in (("MULTI",), ("DECRBY", source, amount), ("INCRBY", target, amount)):
            known, reply = worker.call(words)
            if not known or reply is ReplyError:
                worker.hang_up()
                return
        known, reply = worker.call(("EXEC",))
        with self.lock:
            if not known:
                self.uncertain.append((source, target, amount))
            elif reply is not ReplyError:
                self.balance[source] -= amount
                self.balance[target] += amount

    def judge(self, nodes):
        total = ACCOUNTS * DEPOSIT
        assert set(self.sums) <= {total}, "half a transfer was seen: %r" % (set(self.sums) - {total})
        for node in nodes:
            final = dict(zip(self.accounts, map(int, node.call("MGET", *self.accounts))))
            assert sum(final.values()) == total, "node %d: %r" % (node.number, final)
            for account in self.accounts:
                least = self.balance[account] - sum(n for source, _, n in self.uncertain if source == account)
                most = self.balance[account] + sum(n for _, target, n in self.uncertain if target == account)
                assert least <= final[account] <= most, "node %d, %s: %d, not from %d to %d" \
                    % (node.number, account, final[account], least, most)
