"""poison_tests.py -- scripts that want 100 GB, or run for ever: each ends with an error, all nodes live,
and live through it again when they start anew from the log."""
from avow import Cluster, ReplyError, is_sanitized

# Each begins with a write, so that it runs in the log, on every node.
FOR_EVER = {
    "a loop": "while true do end",
    "a tail call": "local function f() return f() end return f()",
    "pcall": "while true do pcall(function() while true do end end) end",
    "reading a large set": "while true do redis.call('sintercard', 2, 'set', 'set') end",
    "looking for keys": "while true do redis.call('keys', 'none*') end",
    "a large string": "while true do redis.call('bitcount', 'text') end",
    "patterns": "return string.find(string.rep('a', 100000), string.rep('a-', 100) .. 'b')",
    "format": "while true do string.format('%99.99f', 1e308) end",
}
TOO_LARGE = {
    "doubling": "local s = 'x' while true do s = s .. s end",
    "rep": "return string.rep('x', 1e11)",
    "a table": "local t = {} while true do t[#t + 1] = string.rep('x', 100000) .. #t end",
    "table.concat": "local t = {} for i = 1, 100000 do t[i] = string.rep('x', 1000) end return table.concat(t)",
    "cjson": "local t = {} for i = 1, 30 do t = {t, t} end return cjson.encode(t)",
    "cmsgpack": "local v = string.rep('x', 1000000) local t = {} for i = 1, 100000 do t[i] = v end "
                "return cmsgpack.pack(t)",
    "struct": "return struct.pack('c100000000000', 'x')",
    "many keys": "for i = 1, 1e9 do redis.call('set', 'k' .. i, string.rep('v', 10000)) end",
    "one key": "local v = string.rep('v', 100000) while true do redis.call('append', 'a', v) end",
    "a set again and again": "for i = 1, 1e9 do redis.call('sunionstore', 'to' .. i, 'set') end",
    "messages": "local v = string.rep('v', 100000) while true do redis.call('publish', 'c', v) end",
}
DEEP = {
    "recursion": "local function f() return 1 + f() end return f()",
    "coroutines": "local function f() return coroutine.wrap(f)() end return f()",
    "cjson.decode": "return cjson.decode(string.rep('[', 100000))",
    "cmsgpack.unpack": "return cmsgpack.unpack(string.rep('\\145', 100000))",
    "unpack": "return unpack({}, 1, 1e8)",
}


def error_of(node, *words):
    try:
        return "no error but %.100r" % node.call(*words, timeout=300 if is_sanitized() else 60)
    except ReplyError as e:
        return str(e)


def poison(cluster, node):
    keys = node.call("DBSIZE")
    for kind in (FOR_EVER, TOO_LARGE, DEEP):
        for name, script in kind.items():
            error = error_of(node, "EVAL", "redis.call('set', 'x', 'y') " + script, "0")
            assert not error.startswith("no error"), "%s: %s" % (name, error)
            assert kind is not FOR_EVER or "was not executed" in error, "%s: %s" % (name, error)
            was_taken_back = "was not executed" in error
            for n in cluster.nodes:
                assert n.running(), "%s: node %d ended:\n%s" % (name, n.number, n.log_tail())
                assert n.call("EXISTS", "x") == (0 if was_taken_back else 1), "%s: %s" % (name, error)
            node.call("DEL", "x")
            assert node.call("DBSIZE") == keys, name
    error = error_of(node, "FUNCTION", "LOAD", "#!lua name=l\nwhile true do end")
    assert error == "ERR FUNCTION LOAD timeout", error


def scripts_that_run_for_ever_or_want_100_gb_end_and_all_nodes_live():
    with Cluster(namespaces=False) as cluster:
        cluster.form()
        node = next(n for n in cluster.nodes if n is not cluster.leader())
        node.call("CONFIG", "SET", "script-instructions-max", "20000000", "script-memory-max", "33554432",
                  "script-writes-max", "33554432")
        node.call("SADD", "set", *["m%d" % i for i in range(5000)])
        node.call("SETRANGE", "text", "4000000", "x")
        poison(cluster, node)
        cluster.check_equal()
        for n in cluster.nodes:
            n.kill()
        cluster.restart_dead()
        cluster.wait_writable(60)
        assert node.call("SCARD", "set") == 5000 and node.call("EXISTS", "x") == 0
        cluster.check_equal(60)
        cluster.check_logs()


TESTS = [scripts_that_run_for_ever_or_want_100_gb_end_and_all_nodes_live]
