"""http_tests.py -- the HTTP port: what it tells, to whom, and that nothing said to it harms anybody."""
import base64
import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import threading
import time

from avow import SERVER, Client, Cluster, ReplyError, Skipped, free_ports, is_sanitized
from input_tests import fails_with, talk

CLIENTS_MAX = 256  # HTTP_CLIENTS_MAX
IDLE_S = 30        # HTTP_IDLE_S
KEEPER = os.path.join(os.path.dirname(SERVER), "utils", "keeper")


class HttpCluster(Cluster):
    """Nodes on 127.0.0.1, each with an HTTP port."""

    def __init__(self, count=3, options=()):
        super().__init__(count, namespaces=False, options=options)
        for node, port in zip(self.nodes, free_ports(count)):
            node.http = ("127.0.0.1", port)
            node.options = ["--http-port", str(port)]

    def __enter__(self):
        try:
            self.form()
        except BaseException:
            self.__exit__(AssertionError)
            raise
        return self

    def __exit__(self, kind, *more):
        try:
            if kind is None:
                for node in self.nodes:
                    assert not node.dead_by_itself(), "node %d ended" % node.number
                self.check_logs()
        finally:
            super().__exit__(kind, *more)


def ask(node, path, method="GET", user=None, body=None, headers=None, seconds=10, source=None):
    """Status, text and headers of an answer; source: from this address of the loopback."""
    connection = http.client.HTTPConnection(*node.http, timeout=seconds, source_address=source and (source, 0))
    headers = dict(headers or {})
    if user is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(("%s:%s" % user).encode()).decode()
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


def wait_for(node, path, status, seconds=20):
    end = time.monotonic() + seconds
    while True:
        try:
            got, text, _ = ask(node, path)
        except ConnectionRefusedError:  # it is about to listen
            got, text = 0, ""
        if got == status:
            return text
        assert time.monotonic() < end, "%s of node %d is %d still: %s" % (path, node.number, got, text)
        time.sleep(0.05)


def samples(node, user=None):
    """{'name{labels}': value} of /metrics."""
    status, text, headers = ask(node, "/metrics", user=user)
    assert status == 200, text
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4"), headers
    pairs = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    assert len({name for name, _ in pairs}) == len(pairs), "a sample stands there twice"
    return {name: float(value) for name, value in pairs}


# What INFO tells, and the metric that tells the same. None: no figure of this server's (a constant
# for clients of Redis, a text, or the same in other words).
FIGURES = {
    "uptime_in_seconds": "avow_uptime_seconds", "server_time_usec": "avow_time_seconds",
    "connected_clients": "avow_connected_clients", "maxclients": "avow_max_clients",
    "blocked_clients": "avow_blocked_clients", "tracking_clients": "avow_tracking_clients",
    "used_memory": "avow_memory_used_bytes", "used_memory_rss": "avow_memory_resident_bytes",
    "used_memory_peak": "avow_memory_peak_bytes", "used_memory_dataset": "avow_dataset_bytes",
    "used_memory_row_cache": "avow_row_cache_bytes", "used_memory_row_cache_dirty": "avow_row_cache_dirty_bytes",
    "number_of_cached_scripts": "avow_cached_scripts", "number_of_functions": "avow_functions",
    "number_of_libraries": "avow_function_libraries", "maxmemory": "avow_max_memory_bytes",
    "mem_clients_normal": "avow_memory_clients_bytes", "lazyfree_pending_objects": "avow_purge_pending_objects",
    "lazyfreed_objects": "avow_purged_objects_total", "rdb_changes_since_last_save": "avow_changes_since_flush",
    "rdb_bgsave_in_progress": "avow_flush_running", "rdb_saves": "avow_flushes_total",
    "rdb_last_save_time": "avow_last_flush_time_seconds",
    "total_connections_received": "avow_connections_received_total",
    "total_commands_processed": "avow_commands_processed_total",
    "total_net_input_bytes": "avow_net_input_bytes_total", "total_net_output_bytes": "avow_net_output_bytes_total",
    "rejected_connections": "avow_connections_rejected_total", "expired_keys": "avow_expired_keys_total",
    "evicted_clients": 'avow_connections_closed_total{reason="maxmemory-clients"}',
    "row_cache_hits": "avow_row_cache_hits_total", "row_cache_misses": "avow_row_cache_misses_total",
    "pubsub_channels": 'avow_pubsub_topics{kind="channel"}', "pubsub_patterns": 'avow_pubsub_topics{kind="pattern"}',
    "pubsubshard_channels": 'avow_pubsub_topics{kind="shard"}', "tracking_total_keys": "avow_tracked_keys",
    "tracking_total_items": "avow_tracked_items", "tracking_total_prefixes": "avow_tracked_prefixes",
    "total_error_replies": "avow_error_replies_total", "total_reads_processed": "avow_reads_processed_total",
    "total_writes_processed": "avow_writes_processed_total",
    "client_query_buffer_limit_disconnections": 'avow_connections_closed_total{reason="query-buffer"}',
    "client_output_buffer_limit_disconnections": 'avow_connections_closed_total{reason="output-buffer"}',
    "used_cpu_sys": 'avow_cpu_seconds_total{mode="system"}', "used_cpu_user": 'avow_cpu_seconds_total{mode="user"}',
    "raft_feature_level": "avow_raft_feature_level", "raft_feature_level_max": "avow_raft_feature_level_max",
    "raft_node_id": "avow_raft_node_id", "raft_boot": "avow_raft_boot", "raft_term": "avow_raft_term",
    "raft_leader": "avow_raft_leader", "raft_voted_for": "avow_raft_voted_for",
    "raft_commit_index": "avow_raft_commit_index", "raft_last_applied": "avow_raft_applied_index",
    "raft_durable_applied": "avow_raft_durable_applied_index", "raft_log_first_index": "avow_raft_log_first_index",
    "raft_log_last_index": "avow_raft_log_last_index", "raft_log_persisted_index": "avow_raft_log_persisted_index",
    "raft_log_bytes": "avow_raft_log_bytes", "raft_log_disk_bytes": "avow_raft_log_disk_bytes", "raft_voters": "avow_raft_voters", "raft_learners": "avow_raft_learners",
    "raft_elections": "avow_raft_elections_total", "raft_log_compactions": "avow_raft_log_compactions_total",
    "raft_snapshots_sent": "avow_raft_snapshots_sent_total",
    "raft_snapshots_installed": "avow_raft_snapshots_installed_total", "raft_backups": "avow_backups_total",
    "raft_backup_last_index": "avow_backup_last_index", "raft_backup_ms": "avow_backup_age_seconds",
    "raft_archive": "avow_archive_enabled", "raft_archive_index": "avow_archive_index",
    "raft_archive_segments": "avow_archive_segments_total", "raft_archive_failing_ms": "avow_archive_failing_seconds",
    "raft_archive_gaps": "avow_archive_gaps_total", "raft_ready": "avow_raft_is_ready",
    "raft_disk_free": "avow_disk_free_bytes", "raft_messages_sent": "avow_raft_messages_sent_total",
    "raft_messages_received": "avow_raft_messages_received_total", "raft_log_writes": "avow_raft_log_writes_total",
    "raft_log_syncs": "avow_raft_log_syncs_total", "raft_log_sync_last_usec": "avow_raft_log_sync_last_seconds",
    "raft_log_sync_max_usec": "avow_raft_log_sync_max_seconds", "raft_batches": "avow_raft_batches_total",
    "raft_batched_requests": "avow_raft_batched_requests_total", "raft_reads": "avow_raft_reads_total",
    "raft_read_rounds": "avow_raft_read_rounds_total", "raft_duplicates": "avow_raft_duplicates_total",
    "raft_requests_in_flight": "avow_raft_requests_in_flight", "raft_flushes": "avow_flushes_total",
}
# Constants and other words for the same, by name.
NO_FIGURES = set("""
    arch_bits process_id tcp_port uptime_in_days hz configured_hz lru_clock io_threads_active redis_git_sha1
    redis_git_dirty redis_build_id cluster_connections client_recent_max_input_buffer client_recent_max_output_buffer
    clients_in_timeout_table used_memory_overhead used_memory_startup total_system_memory used_memory_lua
    used_memory_scripts_eval mem_fragmentation_ratio mem_clients_slaves mem_not_counted_for_evict
    active_defrag_running loading async_loading rdb_last_bgsave_time_sec rdb_current_bgsave_time_sec aof_enabled
    aof_rewrite_in_progress aof_rewrite_scheduled module_fork_in_progress instantaneous_ops_per_sec
    instantaneous_input_kbps instantaneous_output_kbps evicted_keys keyspace_hits keyspace_misses latest_fork_usec
    total_forks migrate_cached_sockets unexpected_error_replies connected_slaves master_repl_offset master_replid2
    second_repl_offset repl_backlog_active repl_backlog_size repl_backlog_first_byte_offset repl_backlog_histlen
    used_cpu_sys_children used_cpu_user_children used_cpu_sys_main_thread used_cpu_user_main_thread cluster_enabled
""".split())
UNITS = {"server_time_usec": 1e-6, "raft_log_sync_last_usec": 1e-6, "raft_log_sync_max_usec": 1e-6,
         "raft_backup_ms": 1e-3, "raft_archive_failing_ms": 1e-3}
# These say the same in two moments, and when there was no flush yet INFO says when the process began.
MOVING = {"server_time_usec", "uptime_in_seconds", "used_cpu_sys", "used_cpu_user", "used_memory", "used_memory_rss",
          "used_memory_peak", "total_connections_received", "total_net_input_bytes", "total_net_output_bytes",
          "total_reads_processed", "total_writes_processed", "total_commands_processed", "connected_clients",
          "mem_clients_normal", "raft_messages_sent", "raft_messages_received", "raft_disk_free", "raft_log_writes",
          "raft_log_syncs", "raft_log_sync_last_usec", "raft_log_sync_max_usec", "rdb_last_save_time",
          "row_cache_hits", "row_cache_misses", "raft_commit_index", "raft_last_applied", "raft_log_last_index",
          "raft_log_persisted_index", "raft_requests_in_flight", "used_memory_row_cache", "raft_log_bytes",
          "used_memory_row_cache_dirty", "rdb_changes_since_last_save", "raft_durable_applied"}


def is_number(text):
    try:
        float(text)
        return True
    except ValueError:
        return False


def every_figure_of_info_is_a_metric():
    with HttpCluster() as cluster:
        for i in range(50):
            cluster.nodes[i % 3].call("SET", "key:%d" % i, "x", "EX", "1000")
        try:
            cluster.nodes[0].call("LPUSH", "key:1", "no list")
        except ReplyError:
            pass
        for node in cluster.nodes:
            info, metrics = node.info("everything"), samples(node)
            for name, text in info.items():
                if name in NO_FIGURES or not is_number(text) or name.startswith(("raft_peer_", "raft_digest",
                                                                                 "raft_cluster")):
                    continue
                assert name in FIGURES, "INFO's %s is no metric, and http_tests.py does not say why" % name
                assert FIGURES[name] in metrics, "%s is not there" % FIGURES[name]
                if name not in MOVING:
                    want = float(text) * UNITS.get(name, 1)
                    assert abs(metrics[FIGURES[name]] - want) < 1e-6, "%s is %s, INFO's %s is %s" % (
                        FIGURES[name], metrics[FIGURES[name]], name, text)
            assert metrics['avow_db_keys{db="0"}'] == 52  # and what form() wrote
            assert metrics['avow_db_keys_expiring{db="0"}'] == 50
            assert metrics['avow_raft_role{role="%s"}' % info["raft_role"]] == 1
        metrics = samples(cluster.nodes[0])
        assert metrics['avow_command_duration_seconds_count{command="set"}'] > 16
        assert metrics['avow_commands_failed_total{command="lpush"}'] == 1
        assert metrics['avow_errors_total{code="WRONGTYPE"}'] == 1
        assert metrics['avow_rocksdb_rows_estimate{store="log"}'] > 0
        leader = samples(cluster.leader())
        for node in cluster.followers():
            assert leader['avow_raft_peer_connected{peer="%d"}' % node.number] == 1
            assert 0 <= leader['avow_raft_peer_lag_entries{peer="%d"}' % node.number] < 10
            assert 'avow_raft_peer_lag_entries{peer="1"}' not in samples(node)


def phase(metrics, name, suffix="count"):
    return metrics['avow_write_phase_seconds_%s{phase="%s"}' % (suffix, name)]


def phases_of_a_write_are_told_where_it_waited():
    with HttpCluster() as cluster:
        leader, others = cluster.leader(), cluster.followers()
        for node in cluster.nodes:
            node.call("CONFIG", "SET", "latency-monitor-threshold", "100")
            for i in range(20):
                node.call("SET", "k", i)
                node.call("GET", "k")
            metrics = samples(node)
            batches = metrics["avow_raft_batches_total"]
            assert batches >= 20
            assert [phase(metrics, name) for name in ("queue", "replicate", "apply")] == [batches] * 3
            assert metrics['avow_batch_duration_seconds_count{kind="write"}'] == batches
            assert metrics['avow_batch_duration_seconds_count{kind="read"}'] >= 20
            assert phase(metrics, "persist") == metrics["avow_raft_log_syncs_total"] > 20
            parts = sum(phase(metrics, name, "sum") for name in ("queue", "replicate", "apply"))
            assert abs(parts - metrics['avow_batch_duration_seconds_sum{kind="write"}']) < 0.01 * batches
            view = api(node, "/api/node")
            assert 0 <= view["window_s"] <= 60, view
            assert set(view["phases_us"]) == {"queue", "persist", "replicate", "apply"}
            for figures in [*view["phases_us"].values(), view["latency_us"]["read"], view["latency_us"]["write"]]:
                assert 0 <= figures["p50"] <= figures["p99"] <= figures["p999"], view
            assert view["latency_us"]["write"]["p50"] >= view["phases_us"]["replicate"]["p50"] > 0, view
        before = samples(leader)
        leader.call("CONFIG", "SET", "slowlog-log-slower-than", "0")
        for node in others:
            node.pause()
        writer = threading.Thread(target=lambda: leader.call("SET", "slow", "1"))
        writer.start()
        time.sleep(0.25)  # less than an election timeout
        for node in others:
            node.resume()
        writer.join()
        after = samples(leader)
        assert phase(after, "replicate", "sum") - phase(before, "replicate", "sum") > 0.15
        assert phase(after, "apply", "sum") - phase(before, "apply", "sum") < 0.1
        words = {row[0]: row[3] for row in leader.call("SLOWLOG", "GET", "-1")}
        figures = [dict(zip(*[iter(row)] * 2)) for row in leader.call("RAFT", "PHASES", "-1")]
        leader.call("CONFIG", "SET", "slowlog-log-slower-than", "10000")
        slow, = [f for f in figures if words.get(f[b"id"]) == [b"SET", b"slow", b"1"]]
        assert slow[b"replicate"] > 150000 > 100000 > slow[b"apply"] and slow[b"index"] > 60, slow
        assert slow[b"queue"] < 100000 and 0 < slow[b"persist"] <= slow[b"replicate"], slow
        assert all(f[b"index"] == f[b"replicate"] == 0 for f in figures if words.get(f[b"id"], [b""])[0] == b"INFO")
        wait_until(lambda: b"write-replicate" in [row[0] for row in leader.call("LATENCY", "LATEST")])
        assert b"write-apply" not in [row[0] for row in leader.call("LATENCY", "LATEST")]
        assert b"a majority" in leader.call("LATENCY", "DOCTOR")


def promtool_finds_nothing_wrong_with_metrics():
    if shutil.which("promtool") is None:
        raise Skipped("no promtool")
    with HttpCluster() as cluster:
        for node in cluster.nodes:
            node.call("SET", "a", "1")
            done = subprocess.run(["promtool", "check", "metrics"], input=ask(node, "/metrics")[1], text=True,
                                  capture_output=True, timeout=30)
            assert done.returncode == 0 and done.stdout + done.stderr == "", done.stdout + done.stderr


def without_a_majority_a_node_is_healthy_and_not_ready():
    with HttpCluster() as cluster:
        one, others = cluster.nodes[0], cluster.nodes[1:]
        for node in cluster.nodes:
            assert ask(node, "/healthz")[:2] == (200, "ok\n")
            assert wait_for(node, "/readyz", 200) == "ready\n"
        for node in others:
            node.kill()
        begin = time.monotonic()
        status, text, _ = ask(one, "/readyz")
        if status == 200:  # the last round may have been confirmed just before
            status, text, _ = ask(one, "/readyz")
        assert status == 503 and "not ready: " in text and "majority" in text, text
        assert time.monotonic() - begin < (20 if is_sanitized() else 3)
        assert ask(one, "/healthz")[:2] == (200, "ok\n")
        assert samples(one)["avow_raft_applied_index"] > 0
        for node in others:
            node.start()
        wait_for(one, "/readyz", 200)


def a_node_in_no_cluster_is_healthy_and_not_ready():
    cluster = HttpCluster(count=1)
    try:
        node = cluster.nodes[0]
        node.founder = False
        node.start()
        wait_for(node, "/healthz", 200)
        status, text, _ = ask(node, "/readyz")
        assert status == 503 and "no cluster" in text, text
        assert samples(node)['avow_raft_role{role="waiting"}'] == 1
    finally:
        cluster.close()


def metrics_are_told_to_those_who_may_run_info():
    with HttpCluster() as cluster:
        node = cluster.nodes[2]
        assert ask(node, "/metrics")[0] == 200
        cluster.nodes[0].call("ACL", "SETUSER", "scraper", "on", ">metrics", "+info")
        cluster.nodes[0].call("ACL", "SETUSER", "other", "on", ">words", "+get", "~*")
        cluster.nodes[0].call("CONFIG", "SET", "requirepass", "secret")
        deadline = time.monotonic() + 5
        while ask(node, "/metrics")[0] == 200:  # until this node has applied it
            assert time.monotonic() < deadline
        status, text, headers = ask(node, "/metrics")
        assert status == 401 and headers["WWW-Authenticate"].startswith("Basic realm="), (status, text)
        assert ask(node, "/metrics", user=("scraper", "metrics"))[0] == 200
        assert ask(node, "/metrics", user=("default", "secret"))[0] == 200
        for user in [("scraper", "wrong"), ("nobody", "metrics"), ("", ""), ("scraper", "metrics\0x")]:
            assert ask(node, "/metrics", user=user)[0] == 401, user
        status, text, _ = ask(node, "/metrics", user=("other", "words"))
        assert status == 403 and "+info" in text, text
        for words in ["Basic", "Basic ", "Basic !!!!", "Basic YQ", "Basic YTpi" * 500, "Bearer x", "\xff\xfe", "Basic =="]:
            assert ask(node, "/metrics", headers={"Authorization": words}, source="127.0.0.2")[0] == 401, words
        assert ask(node, "/healthz")[0] == 200 and ask(node, "/readyz")[0] == 200


def hostile_requests(chance):
    yield b"GET / HTTP/9.9\r\n\r\n"
    yield b"GET\r\n\r\n"
    yield b"\r\n\r\n\r\n"
    yield b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    yield b"GET /metrics HTTP/1.1\r\nHost\r\n\r\n"
    yield b"GET /metrics HTTP/1.1\r\n" + b"a: b\r\n" * 5000 + b"\r\n"
    yield b"GET /" + b"x" * 100000 + b" HTTP/1.1\r\n\r\n"
    yield b"GET /%00/..%2f..%2fetc/passwd HTTP/1.1\r\n\r\n"
    yield b"GET /../../../../etc/passwd HTTP/1.1\r\n\r\n"
    yield b"GET //metrics HTTP/1.0\r\n\r\n"
    yield b"POST /metrics HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"
    yield b"POST /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n"
    yield b"POST /metrics HTTP/1.1\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 2000000
    yield b"POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc\r\n"
    yield b"POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n"
    yield b"CONNECT a:1 HTTP/1.1\r\n\r\n"
    yield b"TRACE /healthz HTTP/1.1\r\n\r\n"
    yield b"DELETE /metrics HTTP/1.1\r\n\r\n"
    yield b"*1\r\n$4\r\nPING\r\n"
    yield b"GET /healthz HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n"
    yield b"GET /healthz HTTP/1.1\n\nGET /readyz HTTP/1.1\n\n" * 50
    for _ in range(60):
        yield chance.randbytes(chance.randrange(3000))
        yield b"GET /" + chance.randbytes(30) + b" HTTP/1.1\r\n" + chance.randbytes(200) + b"\r\n\r\n"


def hostile_requests_are_refused_and_harm_nobody():
    with HttpCluster(count=1) as cluster:
        node, chance = cluster.nodes[0], random.Random(7)
        for request in hostile_requests(chance):
            answer = talk(node.http, request, seconds=0.1)
            if request.startswith(b"GET /healthz HTTP/1.1\n"):
                continue  # a good one, in a hurry
            assert not answer.startswith(b"HTTP/1.1 200"), (request[:100], answer[:200])
            assert b"root:" not in answer
        assert talk(node.http, b"GET /" + b"x" * 100000 + b" HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 4")
        assert ask(node, "/healthz")[0] == 200
        assert node.call("GET", "formed") == b"1"


def more_connections_than_there_is_room_for_wait_and_harm_nobody():
    with HttpCluster(count=1) as cluster:
        node = cluster.nodes[0]
        open_ones = [socket.create_connection(node.http, 5) for _ in range(CLIENTS_MAX + 100)]
        for s in open_ones:
            s.sendall(b"GET /hea")
        worst = 0.0
        for i in range(200):
            begin = time.monotonic()
            assert node.call("INCR", "beside") == i + 1
            worst = max(worst, time.monotonic() - begin)
        assert worst < 1, "a write took %.3f s" % worst
        for s in open_ones:
            s.close()
        assert ask(node, "/healthz")[0] == 200


def who_sends_for_ever_is_cut_off():
    with HttpCluster(count=1) as cluster:
        node = cluster.nodes[0]
        drips = [socket.create_connection(node.http, 5) for _ in range(CLIENTS_MAX)]
        begin = time.monotonic()
        for s in drips:
            s.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
        cut = set()
        while len(cut) < len(drips) and time.monotonic() - begin < IDLE_S + 10:
            for s in drips:
                try:
                    if s not in cut:
                        s.sendall(b"x")
                except OSError:
                    cut.add(s)
            time.sleep(1)
        assert len(cut) == len(drips), "%d of %d still send" % (len(drips) - len(cut), len(drips))
        assert ask(node, "/healthz")[0] == 200


def a_loop_that_stands_still_is_told():
    with HttpCluster(count=1) as cluster:
        node = cluster.nodes[0]
        sleeper = threading.Thread(target=lambda: node.call("DEBUG", "SLEEP", "34", timeout=60))
        sleeper.start()
        time.sleep(0.5)
        status, text, _ = ask(node, "/metrics")
        assert status == 503 and "does not answer" in text, (status, text)
        assert ask(node, "/readyz")[0] == 503
        assert ask(node, "/healthz")[0] == 200, "a command may take its time"
        assert "data loop" in wait_for(node, "/healthz", 503, 34)
        sleeper.join()
        wait_for(node, "/healthz", 200)
        wait_for(node, "/readyz", 200)
        assert ask(node, "/metrics")[0] == 200


def a_command_that_takes_long_is_no_reason_to_kill_the_node():
    script = "local n = 0 for i = 1, tonumber(ARGV[1]) do n = n + i % 7 end return tostring(n)"
    with HttpCluster(count=1) as cluster:
        node = cluster.nodes[0]
        began = time.monotonic()
        node.call("EVAL", script, "0", "3000000", timeout=60)  # how fast it is here
        rounds = int(3000000 * 36 / max(0.01, time.monotonic() - began))
        worker = threading.Thread(target=lambda: node.call("EVAL", script, "0", str(rounds), timeout=300))
        worker.start()
        began, said = time.monotonic(), set()
        while worker.is_alive():
            status, text, _ = ask(node, "/healthz")
            assert status == 200, text
            said.add(text)
            time.sleep(0.25)
        assert time.monotonic() - began < 34 or "ok: at a command that takes long\n" in said, said
        wait_for(node, "/readyz", 200)


def many_who_ask_at_once_are_answered():
    with HttpCluster(count=1) as cluster:
        node, bad = cluster.nodes[0], []

        def look():
            for _ in range(40):
                for path in ("/readyz", "/metrics", "/healthz"):
                    status, text, _ = ask(node, path)
                    if status != 200:
                        bad.append((path, status, text))
        threads = [threading.Thread(target=look) for _ in range(16)]
        for thread in threads:
            thread.start()
        for i in range(300):
            node.call("SET", "beside", i)
        for thread in threads:
            thread.join()
        assert not bad, bad[:3]
        assert node.running() and node.terminate() == 0


def an_http_port_that_cannot_be_had_is_named():
    port = free_ports(2)
    with socket.socket() as s:
        s.bind(("127.0.0.1", port[1]))
        s.listen()
        cluster = Cluster(count=1, namespaces=False)
        try:
            fails_with(["--port", str(port[0]), "--dir", cluster.nodes[0].home, "--cluster-init", "yes",
                        "--cluster-secret", "x", "--http-port", str(port[1])], str(port[1]), "Address already in use")
        finally:
            cluster.close()
    fails_with(["--port", "7001", "--http-port", "7001"], "http-port")
    fails_with(["--http-port", "99999"], "http-port")


DELIBERATE = {"Content-Type": "application/json", "X-Avow": "1"}


def api(node, path, body=None, want=200, **more):
    """The JSON of an answer with this status; a body makes it a POST."""
    headers = dict(more.pop("headers", {}))
    if body is not None:
        headers = {**DELIBERATE, **headers}
        body = body if isinstance(body, (str, bytes)) else json.dumps(body)
    status, text, answered = ask(node, path, "GET" if body is None else "POST", body=body, headers=headers, **more)
    assert status == want, "%s: %d, not %d: %s" % (path, status, want, text)
    assert answered["Content-Type"] == "application/json", answered
    value = json.loads(text)
    assert want == 200 or set(value) == {"error"} and len(value["error"]) > 10, value
    return value


def command(node, *argv, **more):
    return api(node, "/api/command", {"argv": list(argv)}, **more).get("reply")


def wait_until(holds, seconds=20):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "not within %d s" % seconds
        time.sleep(0.05)


def every_node_tells_its_view_and_where_the_others_are():
    with HttpCluster() as cluster:
        origins = {node.number: "http://%s:%d" % node.http for node in cluster.nodes}
        for node in cluster.nodes:
            def places():
                return {m["id"]: m.get("http") for m in api(node, "/api/node")["members"]}
            wait_until(lambda: places() == origins)
            view, info = api(node, "/api/node"), node.info("raft")
            assert view["id"] == node.number and view["has_quorum"] and view["version"]
            assert view["role"] == info["raft_role"] and str(view["term"]) == info["raft_term"]
            assert view["leader"] == cluster.leader().number
            assert abs(view["now_us"] / 1e6 - time.time()) < 5
            assert view["keys"] == 2 and view["disk"]["total"] > view["disk"]["free"] > 0, view
            assert all(m["role"] == "voter" and m["reachable"] for m in view["members"]), view
            assert [m["port"] for m in view["members"]] == [n.port for n in cluster.nodes]
            lags = [m["lag"] for m in view["members"] if "lag" in m]
            assert len(lags) == (2 if view["role"] == "leader" else 0)
        one, others = cluster.nodes[0], cluster.nodes[1:]
        others[0].kill()
        wait_until(lambda: any("is down" in text for text in api(cluster.leader(), "/api/node")["health"]))
        wait_until(lambda: [m["reachable"] for m in api(one, "/api/node")["members"]][1] is False)
        assert [m.get("http") for m in api(one, "/api/node")["members"]] == list(origins.values()), "it forgot"
        others[1].kill()
        wait_until(lambda: not api(one, "/api/node")["has_quorum"])
        assert command(one, "SET", "k", "v")["value"].startswith(("CLUSTERDOWN", "UNCERTAIN"))
        for node in others:
            node.start()
        wait_for(one, "/readyz", 200)
        # In a container, or behind a proxy: browsers know it by another name than its peers do.
        others[0].terminate()
        others[0].start("--announce-http-host", "page.example", "--announce-http-port", "8001")
        for node in cluster.nodes:
            wait_until(lambda node=node: [m.get("http") for m in api(node, "/api/node")["members"]][1] ==
                       "http://page.example:8001")
        api(others[0], "/api/node", headers={"Host": "page.example:8001"})
        api(one, "/api/node", headers={"Host": "page.example:8001"}, want=403)


def the_log_is_told_with_its_commands():
    with HttpCluster() as cluster:
        node = cluster.nodes[1]
        for i in range(100):
            node.call("SET", "key:%d" % i, "semi; colon")
        wait_until(lambda: "key:99" in str(api(node, "/api/log?count=1")))  # others may have acknowledged it before this disk
        entries = api(node, "/api/log?from=1&count=200")["entries"]
        assert [e["index"] for e in entries] == list(range(entries[0]["index"], entries[0]["index"] + len(entries)))
        log = api(node, "/api/log?count=200")
        assert log["last"] == log["entries"][-1]["index"] and log["first"] == entries[0]["index"] == 1
        assert entries[0]["kind"] == "config" and len(entries[0]["commands"]) == 1, entries[0]
        assert entries[0]["commands"][0].startswith("CONFIG level=2 voters=1 1=127.0.0.1:"), entries[0]
        entries = log["entries"]
        assert [e["commands"] for e in entries if "key:99" in str(e["commands"])][0] == ["db0 SET key:99 semi;\\x20colon"] and entries[-1]["bytes"] > 10
        part = api(node, "/api/log?from=%d&count=3" % (entries[5]["index"]))["entries"]
        for one, other in zip(part, entries[5:8], strict=True):  # on the disk then, by the wall's clock as it stands now
            assert abs(one.pop("persisted") - other.pop("persisted")) < 1000, (one, other)
        assert part == entries[5:8]
        assert len(api(node, "/api/log")["entries"]) == 40
        assert api(node, "/api/log?from=999999")["entries"] == []
        for query in ["count=0", "count=201", "count=-1", "count=x", "from=0", "from=" + "9" * 30, "from=1;drop",
                      "from=%00", "from", "&&&&", "from=1&from=" + "a" * 3000]:
            status, text, _ = ask(node, "/api/log?" + query)
            assert status in (200, 400), (query, status, text)
        assert ask(node, "/api/log?count=201")[0] == 400


def commands_run_as_any_client_s():
    with HttpCluster() as cluster:
        one, two = cluster.nodes[:2]
        assert command(one, "SET", "k", "h\u00e4llo") == {"type": "status", "value": "OK"}
        assert command(two, "get", "k") == {"type": "bulk", "value": "h\u00e4llo"}
        assert command(two, "GET", "none") == {"type": "nil", "value": None}
        assert command(one, "INCR", "n") == {"type": "integer", "value": 1}
        assert command(one, "INCR", "k")["type"] == "error"
        assert command(one, "NOSUCH")["value"].startswith("ERR unknown command")
        assert command(one, {"base64": "U0VU"}, {"base64": "/wA="}, {"base64": "AAD/"})["value"] == "OK"
        assert command(two, "GET", {"base64": "/wA="}) == {"type": "bulk", "value": {"base64": "AAD/"}}
        assert one.call("GET", b"\xff\x00") == b"\x00\x00\xff"
        command(one, "RPUSH", "l", "a", "b")
        assert command(two, "LRANGE", "l", "0", "-1")["value"] == [{"type": "bulk", "value": "a"},
                                                                 {"type": "bulk", "value": "b"}]
        command(one, "HSET", "h", "f", "v")
        assert command(two, "HGETALL", "h") == {"type": "map", "value": [[{"type": "bulk", "value": "f"},
                                                                          {"type": "bulk", "value": "v"}]]}
        command(one, "ZADD", "z", "1.5", "m")
        assert command(two, "ZSCORE", "z", "m") == {"type": "double", "value": "1.5"}
        assert command(two, "SMEMBERS", "none") == {"type": "set", "value": []}
        deep = command(one, "EVAL", "local t = 'x' for i = 1, 100 do t = {t} end return t", "0")
        assert "deeper than is shown" in json.dumps(deep)
        api(one, "/api/command", {"argv": ["SET", "there", "1"], "db": 3})
        assert command(one, "EXISTS", "there")["value"] == 0
        assert api(two, "/api/command", {"argv": ["EXISTS", "there"], "db": 3})["reply"]["value"] == 1
        command(one, "SET", "large", "x" * 1000000)
        for _ in range(3):
            command(one, "APPEND", "large", "x" * 1000000)
        assert len(command(two, "GET", "large")["value"]) == 4000000
        command(one, "APPEND", "large", "x" * 1000000)
        api(two, "/api/command", {"argv": ["GET", "large"]}, want=413)
        assert cluster.check_equal()


def the_steps_of_a_write_are_told_in_their_order():
    with HttpCluster() as cluster:
        for node in cluster.nodes:
            for i in range(20):
                before = time.time() * 1e6 - 2e6
                steps = api(node, "/api/command", {"argv": ["SET", "k", str(i)]})["steps"]
                names = [step["step"] for step in steps]
                wanted = ["received", "proposed", "persisted", "committed", "applied", "answered"]
                assert names in (wanted, [n for n in wanted if n != "persisted"]), names  # the others were faster
                times = {step["step"]: step["t"] for step in steps}
                assert before < times["received"] <= times["proposed"] <= times["committed"] <= times["applied"]
                assert times["applied"] <= times["answered"] < before + 12e6, steps
                assert times["proposed"] <= times.get("persisted", times["proposed"]) <= times["applied"], steps
                indexes = {step["index"] for step in steps if "index" in step}
                assert len(indexes) == 1
                path = "/api/log?from=%d&count=1" % indexes.pop()
                wait_until(lambda: api(node, path)["entries"])  # others may have committed it before it is on this disk
                assert api(node, path)["entries"][0]["commands"] == ["db0 SET k %d" % i]
                for other in cluster.nodes:  # all share this machine's clock
                    wait_until(lambda other=other: "persisted" in (api(other, path)["entries"] or [{}])[0])
                    there = api(other, path)["entries"][0]["persisted"]
                    assert times["received"] < there < time.time() * 1e6, (there, steps)
                    if other is node:  # the same moment, though wall clock and monotonic one are read anew
                        assert abs(there - times.get("persisted", there)) < 20000, (there, steps)
            steps = api(node, "/api/command", {"argv": ["GET", "k"]})["steps"]
            assert [step["step"] for step in steps] == ["received", "answered"]
            steps = api(node, "/api/command", {"argv": ["INCRBY", "k", "x"]})["steps"]
            assert steps[0]["step"] == "received" and steps[-1]["step"] == "answered"
        leader = cluster.leader()
        names = [step["step"] for step in api(leader, "/api/command", {"argv": ["SET", "k", "v"]})["steps"]]
        assert "committed" in names


def commands_that_need_a_connection_are_refused_by_name():
    with HttpCluster(count=1) as cluster:
        node = cluster.nodes[0]
        table = node.call("COMMAND")
        names = {row[0].decode() for row in table if {b"blocking", b"pubsub"} & set(row[2]) and row[0] not in
                 (b"xread", b"xreadgroup", b"publish", b"spublish", b"pubsub")}
        assert {"blpop", "subscribe"} < names
        for name in sorted(names | {"multi", "exec", "watch", "monitor", "auth", "hello", "reset", "quit", "select", "wait"}):
            text = api(node, "/api/command", {"argv": [name.upper(), "k", "0"]}, want=400)["error"]
            assert "redis-cli" in text, (name, text)
        api(node, "/api/command", {"argv": ["XREAD", "BLOCK", "0", "STREAMS", "s", "$"]}, want=400)
        api(node, "/api/command", {"argv": ["CLIENT", "REPLY", "OFF"]}, want=400)
        assert command(node, "XREAD", "STREAMS", "s", "0")["type"] == "nil"
        for body in [b"", b"{", b"[]", b"{}", b"null", b'{"argv":[]}', b'{"argv":"GET"}', b'{"argv":[1]}',
                     b'{"argv":["GET",{"base64":"!"}]}', b'{"argv":["GET","k"],"db":-1}', b'{"argv":["GET","k"],"db":"0"}',
                     b'{"argv":["GET","k"],"db":99}', b'{"argv":["GET","k"]} x', b'{"argv":' + b"[" * 5000 + b"]" * 5000 + b"}",
                     b'{"argv":["\xff\xfe"]}', b'{"argv":' + json.dumps(["x"] * 2000).encode() + b"}", b"\0" * 100]:
            api(node, "/api/command", body, want=400)
        assert node.call("DBSIZE") == 2


def what_strangers_pages_send_is_refused():
    with HttpCluster(count=2) as cluster:
        node, other = cluster.nodes
        wait_until(lambda: all("http" in m for m in api(node, "/api/node")["members"]))
        body, own, others = {"argv": ["SET", "k", "v"]}, "http://%s:%d" % node.http, "http://%s:%d" % other.http
        for left_out in DELIBERATE:
            headers = {name: value for name, value in DELIBERATE.items() if name != left_out}
            status, _, _ = ask(node, "/api/command", "POST", body=json.dumps(body), headers=headers)
            assert status == 400
        form = {"Content-Type": "application/x-www-form-urlencoded", "X-Avow": "1"}
        assert ask(node, "/api/command", "POST", body="argv=SET", headers=form)[0] == 400
        for origin in ["http://evil.example", "null", own + "0", "http://127.0.0.1", own.replace("http", "ftp"), "x" * 5000]:
            api(node, "/api/command", body, want=403, headers={"Origin": origin})
            status, _, headers = ask(node, "/api/node", headers={"Origin": origin})
            assert status == 200 and "Access-Control-Allow-Origin" not in headers, origin
            assert ask(node, "/api/command", "OPTIONS", headers={"Origin": origin})[0] == 403
        for origin in [own, others]:
            api(node, "/api/command", body, headers={"Origin": origin})
            status, _, headers = ask(node, "/api/node", headers={"Origin": origin})
            assert headers["Access-Control-Allow-Origin"] == origin
            assert headers["Access-Control-Allow-Credentials"] == "true"
            status, _, headers = ask(node, "/api/command", "OPTIONS", headers={"Origin": origin})
            assert status == 204 and "x-avow" in headers["Access-Control-Allow-Headers"]
        for host in ["evil.example:8001", "evil.example", "127.0.0.1.evil.example"]: # DNS rebinding
            api(node, "/api/node", want=403, headers={"Host": host})
            api(node, "/api/command", body, want=403, headers={"Host": host, "Origin": "http://" + host})
        for host in ["localhost:8001", "127.0.0.1", "[::1]:8001"]:
            api(node, "/api/node", headers={"Host": host})
        for path in ["/api/node", "/api/log", "/api/events"]:
            assert ask(node, path, "POST", body="{}", headers=DELIBERATE)[0] == 405
        assert ask(node, "/api/command")[0] == 405
        api(node, "/api/chaos", {"action": "kill", "node": 1}, want=403)


def cookie_of(node, user, password):
    status, text, headers = ask(node, "/api/login", "POST", body=json.dumps({"user": user, "password": password}),
                                headers=DELIBERATE)
    assert status == 200 and json.loads(text) == {"user": user}, text
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie, cookie
    return cookie.split(";")[0]


def a_login_holds_on_all_nodes_until_the_password_is_another():
    with HttpCluster() as cluster:
        one, two = cluster.nodes[:2]
        one.call("ACL", "SETUSER", "reader", "on", ">secret", "+@read", "+info", "~*")
        one.call("CONFIG", "SET", "requirepass", "root's")
        wait_until(lambda: all(ask(node, "/api/node")[0] == 401 for node in cluster.nodes))
        for path in ["/api/node", "/api/log"]:
            api(two, path, want=401)
        api(two, "/api/command", {"argv": ["GET", "formed"]}, want=401)
        cookie = cookie_of(one, "reader", "secret")
        for node in cluster.nodes:
            with_cookie = {"headers": {"Cookie": "a=b; %s; c=d" % cookie}}
            assert command(node, "GET", "formed", **with_cookie)["value"] == "1"
            assert command(node, "SET", "formed", "2", **with_cookie)["value"].startswith("NOPERM")
            assert command(node, "ACL", "WHOAMI", **with_cookie)["type"] == "error"
            api(node, "/api/node", **with_cookie)
            assert "raft|log" in api(node, "/api/log", want=403, **with_cookie)["error"]
            assert ask(node, "/metrics", headers={"Authorization": "Bearer " + cookie[len("avow="):]})[0] == 200
        token = cookie[len("avow="):]
        name, seconds, mac = token.split(".")
        for bad in [token[:-1], token + "0", token.upper(), ".".join([b"default".hex(), seconds, mac]),
                    ".".join([name, str(int(seconds) + 1), mac]), ".".join([name, "0", mac]), "", ".", "..", "...",
                    "a" * 5000, name, ".".join([name, seconds, "00" * 32])]:
            api(one, "/api/node", want=401, headers={"Cookie": "avow=" + bad})
        for user, password in [("reader", "wrong"), ("nobody", "secret"), ("reader", ""), ("", "")]:
            api(one, "/api/login", {"user": user, "password": password}, want=401)
        for body in [{}, {"user": "reader"}, {"user": 1, "password": "secret"}, []]:
            api(one, "/api/login", body, want=400)
        status, _, headers = ask(one, "/api/logout", "POST", body="{}", headers=DELIBERATE)
        assert status == 200 and "Max-Age=0" in headers["Set-Cookie"]
        root = cookie_of(two, "default", "root's")
        assert command(one, "SET", "by", "root", headers={"Cookie": root})["value"] == "OK"
        assert command(one, "ACL", "SETUSER", "reader", "resetpass", ">other", headers={"Cookie": root})["value"] == "OK"
        wait_until(lambda: all(ask(node, "/api/node", headers={"Cookie": cookie})[0] == 401 for node in cluster.nodes))
        api(one, "/api/node", headers={"Cookie": root})


def files_are_given_from_their_directory_alone():
    with HttpCluster(count=1) as cluster:
        node = cluster.nodes[0]
        status, text, _ = ask(node, "/")
        assert status == 200 or "http-dir" in text, text
        node.kill()
        page = os.path.join(cluster.directory, "page")
        os.makedirs(os.path.join(page, "assets"))
        for name, text in [("index.html", "<p>page"), ("assets/a-1.js", "1;"), (".hidden", "no"), ("empty.txt", "")]:
            with open(os.path.join(page, name), "w") as f:
                f.write(text)
        os.symlink("/etc/passwd", os.path.join(page, "link.txt"))
        os.mkfifo(os.path.join(page, "pipe.txt"))
        node.start("--http-dir", page)
        wait_for(node, "/readyz", 200)
        status, text, headers = ask(node, "/")
        assert (status, text) == (200, "<p>page") and headers["Content-Type"].startswith("text/html")
        assert headers["Cache-Control"] == "no-store" and headers["X-Content-Type-Options"] == "nosniff"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy and "unsafe" not in policy, policy
        assert "http://%s:%d" % node.http in policy
        status, text, headers = ask(node, "/assets/a-1.js")
        assert (status, text) == (200, "1;") and headers["Content-Type"].startswith("text/javascript")
        assert ask(node, "/empty.txt")[:2] == (200, "")
        for path in ["/../page/index.html", "/assets/../index.html", "/.hidden", "/assets/.", "/assets/..", "//index.html",
                     "/assets//a-1.js", "/assets", "/assets/", "/%69ndex.html", "/index.html%00", "/link.txt", "/pipe.txt",
                     "/..%2f..%2fetc/passwd", "/" + "a/" * 2000, "/index.html/", "/etc/passwd", "/C:/x", "/\\..\\x"]:
            status, text, _ = ask(node, path)
            assert status in (400, 404) and "page" not in text and "root" not in text, (path, status, text)


class Listener:
    """A client of /api/events: reads in a thread, or not at all."""

    def __init__(self, node, reads=True, headers=(), receive_buffer=0):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(60)
        self.socket.connect(node.http)
        lines = ["GET /api/events HTTP/1.1", "Host: localhost", *headers]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.text = b""
        self.ended = False
        if reads:
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            while True:
                data = self.socket.recv(65536)
                if not data:
                    break
                self.text += data
        except OSError:
            pass
        self.ended = True

    def status(self):
        wait_until(lambda: b"\r\n" in self.text)
        return int(self.text.split()[1])

    def events(self, name):
        found, kind = [], None
        for line in self.text.decode(errors="replace").splitlines():
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: ") and line.endswith("}") and kind == name:
                found.append(json.loads(line[6:]))
        return found

    def close(self):
        self.socket.close()


def messages_and_states_are_told_as_they_happen():
    with HttpCluster() as cluster:
        leader = cluster.leader()
        listeners = {node.number: Listener(node) for node in cluster.nodes}
        time.sleep(3)
        for number, listener in listeners.items():
            states = listener.events("state")
            assert states and states[0]["node"] == number, listener.text[:500]
            assert states[0]["leader"] == leader.number
            assert states[0]["role"] == ("leader" if number == leader.number else "follower")
        told = listeners[leader.number].events("message")
        for peer in cluster.nodes:
            if peer is leader:
                continue
            sent = [m for m in told if m["kind"] == "heartbeat" and m["to"] == peer.number and m["dir"] == "out"]
            assert len(sent) > (10 if is_sanitized() else 40), "%d heartbeats in 3 s" % len(sent)
            assert all(m["index"] >= 3 for m in sent), sent[:3]  # what is committed
            taken = [m for m in listeners[peer.number].events("message") if m["kind"] == "heartbeat" and m["dir"] == "in"]
            assert abs(len(taken) - len(sent)) < 10, (len(taken), len(sent))
            assert all(m["from"] == leader.number and m["to"] == peer.number for m in taken)
        assert all(abs(m["t"] / 1e6 - time.time()) < 10 for m in told)
        before = len(listeners[leader.number].events("message"))
        leader.call("SET", "seen", "1")
        wait_until(lambda: any(m["kind"] == "append" and m["entries"] == 1
                               for m in listeners[leader.number].events("message")[before:]))
        wait_until(lambda: listeners[leader.number].events("state")[-1]["commit"] >= 3)
        leader.kill()
        new = cluster.leader()
        wait_until(lambda: listeners[new.number].events("state")[-1]["role"] == "leader")
        kinds = {m["kind"] for m in listeners[new.number].events("message")}
        assert {"pre_vote", "pre_vote_reply", "vote", "vote_reply"} <= kinds, kinds
        terms = [s["term"] for s in listeners[new.number].events("state")]
        assert terms == sorted(terms) and terms[-1] > terms[0]
        leader.start()
        cluster.wait_writable()


def listeners_are_bounded_and_harm_nobody():
    with HttpCluster(count=2) as cluster:
        node = cluster.nodes[0]
        listeners = [Listener(node) for _ in range(64)]
        assert all(l.status() == 200 for l in listeners)
        more = [Listener(node) for _ in range(20)]
        assert all(l.status() == 503 for l in more)
        assert ask(node, "/healthz")[0] == 200
        for l in listeners[:10]:
            l.close()
        wait_until(lambda: Listener(node).status() == 200)
        gushing = Listener(node)
        gushing.socket.settimeout(1)
        try:
            for _ in range(200):  # who has nothing to say
                gushing.socket.sendall(b"x" * 100000)
            raise AssertionError("20 MB were read from a listener")
        except OSError:
            pass
        stop = threading.Event()

        def load():
            while not stop.is_set():
                node.call("SET", "k", "x" * 100)
        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        count, begin = len(listeners[20].events("message")), time.monotonic()
        time.sleep(3)
        rate = (len(listeners[20].events("message")) - count) / (time.monotonic() - begin)
        stop.set()
        for thread in threads:
            thread.join()
        assert 10 < rate <= 220, "%d messages a second" % rate
        wait_until(lambda: sum(d["count"] for d in listeners[20].events("dropped")) > 0)
        assert ask(node, "/healthz")[0] == 200
        for l in listeners + more:
            l.close()


def a_listener_that_reads_nothing_is_cut_off_and_the_others_go_on():
    with HttpCluster(count=2) as cluster:
        node = cluster.nodes[0]
        others = [Listener(node) for _ in range(3)]
        deaf = [Listener(node, reads=False, receive_buffer=2048) for _ in range(5)]
        end = time.monotonic() + 100
        while True:  # its end is there behind what was sent: so look at the server's side
            for i in range(20):
                node.call("SET", "k", str(i))
            time.sleep(0.2)
            open_ones = sum(1 for line in subprocess.run(
                ["ss", "-tnH", "state", "established", "sport", "=", ":%d" % node.http[1]],
                capture_output=True, text=True).stdout.splitlines() if line)
            if open_ones <= len(others):
                break
            assert time.monotonic() < end, "%d connections are there still" % open_ones
        before = len(others[0].events("message"))
        time.sleep(1)
        assert all(len(l.events("message")) > 10 for l in others) and len(others[0].events("message")) > before
        for l in others + deaf:
            l.close()


def events_are_told_to_those_who_may_run_info():
    with HttpCluster(count=1) as cluster:
        node = cluster.nodes[0]
        node.call("CONFIG", "SET", "requirepass", "secret")
        assert Listener(node).status() == 401
        assert Listener(node, headers=["Cookie: " + cookie_of(node, "default", "secret")]).status() == 200
        listener = Listener(node, headers=["Cookie: " + cookie_of(node, "default", "secret"), "Origin: http://evil.example"])
        assert listener.status() == 200 and b"Access-Control-Allow-Origin" not in listener.text
        assert node.terminate() == 0
        wait_until(lambda: listener.ended)


def order(node, action, want=200, **more):
    body = {"action": action, **({"node": node.number} if action != "cut" else {"from": node.number}), **more}
    return api(node, "/api/chaos", body, want=want)


def an_administrator_breaks_the_cluster_and_nothing_acknowledged_is_lost():
    with HttpCluster(options=["--chaos", "yes"]) as cluster:
        assert all(api(node, "/api/node")["chaos"] for node in cluster.nodes)
        written, stop, lock = [], threading.Event(), threading.Lock()

        def write(node):
            while not stop.is_set():
                try:
                    number = node.call("INCR", "counted", timeout=20)
                    with lock:
                        written.append(number)
                except (ReplyError, OSError):
                    time.sleep(0.05)
        writers = [threading.Thread(target=write, args=[node]) for node in cluster.nodes]
        for writer in writers:
            writer.start()
        old = cluster.leader()
        order(old, "isolate")
        others = [node for node in cluster.nodes if node is not old]
        wait_until(lambda: any(node.info("raft")["raft_role"] == "leader" for node in others))
        wait_until(lambda: not api(old, "/api/node")["has_quorum"])
        count = len(written)
        wait_until(lambda: len(written) > count)
        order(old, "heal")
        wait_until(lambda: old.info("raft")["raft_role"] == "follower" and api(old, "/api/node")["has_quorum"])

        leader = cluster.leader()  # hears, and is not heard by one
        follower = cluster.followers()[0]
        order(leader, "cut", to=follower.number)
        time.sleep(1)
        count = len(written)
        wait_until(lambda: len(written) > count)
        order(leader, "heal")

        slow = cluster.leader()
        before = samples(slow)
        order(slow, "slow_disk", ms=30)
        wait_until(lambda: phase(samples(slow), "persist") > phase(before, "persist") + 5)
        order(slow, "slow_disk", ms=0)

        victim = cluster.leader()
        order(victim, "kill")
        assert victim.process.wait(10) == -9
        count = len(written)
        wait_until(lambda: len(written) > count)
        victim.start()
        wait_for(victim, "/readyz", 200)
        stop.set()
        for writer in writers:
            writer.join()
        last = int(cluster.nodes[0].call("GET", "counted"))
        assert len(set(written)) == len(written) and last >= max(written), (last, max(written))
        cluster.check_equal()


def faults_are_ordered_by_administrators_where_chaos_is_on():
    with HttpCluster(count=1) as cluster:
        for action in ["kill", "isolate", "heal"]:
            assert "chaos yes" in order(cluster.nodes[0], action, want=403)["error"]
    with HttpCluster(count=2, options=["--chaos", "yes"]) as cluster:
        node, other = cluster.nodes
        for body in [{}, {"action": "explode", "node": 1}, {"action": "kill"}, {"action": "kill", "node": "1"},
                     {"action": "kill", "node": 0}, {"action": "slow_disk", "node": 1, "ms": 999999},
                     {"action": "cut", "from": 1}, {"action": ["kill"], "node": 1}, {"action": "kill", "node": -1}]:
            api(node, "/api/chaos", body, want=400)
        assert "ask node 2" in api(node, "/api/chaos", {"action": "isolate", "node": 2}, want=400)["error"]
        assert "keeper" in api(node, "/api/chaos", {"action": "kill", "node": 2}, want=501)["error"]
        for action in ["start", "pause", "resume", "transfer"]:
            order(node, action, want=501)
        assert not api(node, "/api/node")["keeper"]
        assert ask(node, "/api/chaos")[0] == 405
        node.call("ACL", "SETUSER", "writer", "on", ">secret", "+@all", "-@dangerous", "~*")
        node.call("CONFIG", "SET", "requirepass", "root's")
        wait_until(lambda: ask(node, "/api/node")[0] == 401)
        order(node, "kill", want=401)
        cookie = cookie_of(node, "writer", "secret")
        api(node, "/api/chaos", {"action": "kill", "node": 1}, want=403, headers={"Cookie": cookie})
        assert node.running() and other.running()


class Keeper:
    """utils/keeper at a socket of the cluster's; its hand writes down what it is told to do."""

    def __init__(self, cluster):
        self.path, self.told = (os.path.join(cluster.directory, name) for name in ("keeper", "told"))
        hand = os.path.join(cluster.directory, "hand")
        with open(hand, "w") as f:
            f.write("""#!/bin/sh
echo "$*" >>%s
echo first; echo "this hand cannot $2 $3"
[ "$2" != --start ]
""" % self.told)
        os.chmod(hand, 0o700)
        self.process = subprocess.Popen([KEEPER, self.path, hand, "word"], stdin=subprocess.DEVNULL)
        wait_until(lambda: os.path.exists(self.path))

    def lines(self):
        return open(self.told).read().splitlines() if os.path.exists(self.told) else []

    def say(self, data, seconds=10):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(seconds)
            s.connect(self.path)
            s.sendall(data)
            try:
                return s.recv(10000)
            except ConnectionResetError:  # it did not read all of it
                return b""


def what_a_node_cannot_do_to_itself_is_done_by_the_keeper():
    if not os.path.exists(KEEPER):
        raise Skipped("no utils/keeper beside the server")
    with HttpCluster(count=2, options=["--chaos", "yes"]) as cluster:
        node, other = cluster.nodes
        keeper = Keeper(cluster)
        try:
            for n in cluster.nodes:
                n.terminate()
                n.start("--chaos-socket", keeper.path)
            wait_for(node, "/readyz", 200)
            assert api(node, "/api/node")["keeper"]
            assert os.stat(keeper.path).st_mode & 0o077 == 0
            by_node = {"action": "pause", "node": 2}
            assert api(node, "/api/chaos", by_node) == {}
            assert "another" in api(other, "/api/chaos", by_node, want=400)["error"]
            api(node, "/api/chaos", {"action": "resume", "node": 2})
            api(node, "/api/chaos", {"action": "kill", "node": 2})
            why = api(node, "/api/chaos", {"action": "start", "node": 2}, want=502)["error"]
            assert why == "this hand cannot --start %s" % other.peer_address, why
            assert "no member" in api(node, "/api/chaos", {"action": "start", "node": 7}, want=400)["error"]
            want = ["word --%s %s" % (deed, other.peer_address) for deed in ("pause", "resume", "kill", "start")]
            assert keeper.lines() == want, keeper.lines()
            # What is none of its orders is not carried out, and who says nothing holds up nobody for long.
            for bad in [b"replace 127.0.0.1:7001", b"start", b"start --clean", b"start a b", b"start $(id)", b"start \0x",
                        b"--start 127.0.0.1:1", b"", b"start " + 400 * b"x"]:
                assert not keeper.say(bad + b"\n").startswith(b"ok"), bad
            with socket.socket(socket.AF_UNIX) as silent:
                silent.connect(keeper.path)
                assert keeper.say(b"pause 127.0.0.1:1\n") == b"ok\n"
            assert keeper.lines() == want + ["word --pause 127.0.0.1:1"]
            os.unlink(keeper.path)  # as --stop does: nobody can ask it any more, and it ends
            assert keeper.process.wait(10) == 0
            assert "start-cluster.sh" in api(node, "/api/chaos", {"action": "start", "node": 2}, want=502)["error"]
        finally:
            keeper.process.kill()
            keeper.process.wait()


def wrong_passwords_are_logged_and_bounded():
    with HttpCluster(count=1) as cluster:
        node = cluster.nodes[0]
        node.call("CONFIG", "SET", "requirepass", "secret")
        client = Client(node.address, 10)
        client.call("AUTH", "secret")
        cookie = {"Cookie": cookie_of(node, "default", "secret")}
        login = {"user": "mallory", "password": "guess"}
        began = time.monotonic()
        for _ in range(5):
            api(node, "/api/login", login, want=401)
            assert ask(node, "/metrics", user=("mallory", "guess"))[0] == 401
        assert time.monotonic() - began < 5, "the test is too slow for its limits"
        for body in [login, {"user": "default", "password": "secret"}]:  # nor is the right one looked at now
            assert "too many" in api(node, "/api/login", body, want=429)["error"]
        assert ask(node, "/metrics", user=("default", "secret"))[0] == 429
        assert api(node, "/api/node", headers=cookie)["id"] == 1  # who is logged in, or a client, notices nothing
        assert ask(node, "/healthz")[0] == 200
        assert client.call("PING") == b"PONG"
        entry = dict(zip(*[iter(client.call("ACL", "LOG")[0])] * 2))
        assert (entry[b"count"], entry[b"reason"], entry[b"object"], entry[b"username"]) == (10, b"auth", b"HTTP", b"mallory"), entry
        assert entry[b"client-info"].startswith(b"addr=127.0.0.1:"), entry
        assert client.call("ACL", "LOG", "RESET") == b"OK"
        wait_until(lambda: ask(node, "/metrics", user=("default", "secret"))[0] == 200)  # one try in six seconds
        long = {"user": "x" * 100000, "password": "guess"}
        wait_until(lambda: ask(node, "/api/login", "POST", body=json.dumps(long),
                               headers={"Content-Type": "application/json", "X-Avow": "1"})[0] == 401)
        entry = dict(zip(*[iter(client.call("ACL", "LOG")[0])] * 2))
        assert entry[b"username"] == 256 * b"x"
        client.close()


TESTS = [
    every_figure_of_info_is_a_metric, phases_of_a_write_are_told_where_it_waited, promtool_finds_nothing_wrong_with_metrics,
    without_a_majority_a_node_is_healthy_and_not_ready, a_node_in_no_cluster_is_healthy_and_not_ready,
    metrics_are_told_to_those_who_may_run_info, wrong_passwords_are_logged_and_bounded, hostile_requests_are_refused_and_harm_nobody,
    more_connections_than_there_is_room_for_wait_and_harm_nobody, who_sends_for_ever_is_cut_off,
    a_loop_that_stands_still_is_told, a_command_that_takes_long_is_no_reason_to_kill_the_node, many_who_ask_at_once_are_answered, an_http_port_that_cannot_be_had_is_named,
    every_node_tells_its_view_and_where_the_others_are, the_log_is_told_with_its_commands, commands_run_as_any_client_s,
    the_steps_of_a_write_are_told_in_their_order,
    commands_that_need_a_connection_are_refused_by_name, what_strangers_pages_send_is_refused,
    a_login_holds_on_all_nodes_until_the_password_is_another, files_are_given_from_their_directory_alone,
    messages_and_states_are_told_as_they_happen, listeners_are_bounded_and_harm_nobody,
    a_listener_that_reads_nothing_is_cut_off_and_the_others_go_on, events_are_told_to_those_who_may_run_info,
    an_administrator_breaks_the_cluster_and_nothing_acknowledged_is_lost,
    faults_are_ordered_by_administrators_where_chaos_is_on, what_a_node_cannot_do_to_itself_is_done_by_the_keeper,
]
