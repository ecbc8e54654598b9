#!/usr/bin/env bash
# Starts a local cluster: installs what is missing, builds, starts N nodes on 127.0.0.1, joins them,
# waits until each acknowledges a write. Run again, it starts what does not run and keeps all data.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)

usage() {
    cat <<'EOF'
usage: utils/start-cluster.sh [options]
  --nodes N        how many nodes (default 3, or as many as the directory holds)
  --base-port P    client port of node 1, the next nodes follow (default 7001); peers: port + 10000
  --dir D          where data, logs and configuration live (default: cluster/)
  --status         one line per node, changes nothing
  --stop           ends all nodes, leader handed over first; data stays
  --kill I         kill -9 of node I
  --start I        starts node I again
  --clean          stops all nodes and deletes the directory
EOF
}

die() {
    echo "start-cluster: $*" >&2
    exit 1
}

nodes="" base_port="" dir=$top/cluster action=start which=""
while [ $# -gt 0 ]; do
    case $1 in
    --nodes | --base-port | --dir | --kill | --start)
        [ $# -ge 2 ] || die "$1 needs a value; see --help" ;;&
    --nodes) nodes=$2; shift ;;
    --base-port) base_port=$2; shift ;;
    --dir) dir=$2; shift ;;
    --kill) action=kill which=$2; shift ;;
    --start) action=start_one which=$2; shift ;;
    --status) action=status ;;
    --stop) action=stop ;;
    --clean) action=clean ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; die "unknown option '$1'" ;;
    esac
    shift
done

is_number() { [[ $1 =~ ^[0-9]+$ ]] && [ "$1" -ge "$2" ] && [ "$1" -le "$3" ]; }
[ -z "$nodes" ] || is_number "$nodes" 1 15 || die "--nodes wants a number from 1 to 15, not '$nodes'"
[ -z "$base_port" ] || is_number "$base_port" 1 55000 ||
    die "--base-port wants a port from 1 to 55000, not '$base_port'"

# The directory remembers its ports and its size: a later call needs no options.
settings=$dir/cluster.settings
if [ -f "$settings" ]; then
    # shellcheck disable=SC1090
    . "$settings" # saved_nodes, saved_base_port
    [ -z "$base_port" ] || [ "$base_port" = "$saved_base_port" ] ||
        die "$dir was made with --base-port $saved_base_port; use that, another --dir, or --clean first"
    base_port=$saved_base_port
    nodes=${nodes:-$saved_nodes}
    [ "$nodes" -ge "$saved_nodes" ] || nodes=$saved_nodes
elif [ "$action" != start ] && [ "$action" != clean ]; then
    die "no cluster in $dir; start one first: utils/start-cluster.sh"
fi
nodes=${nodes:-3}
base_port=${base_port:-7001}
[ -z "$which" ] || is_number "$which" 1 "$nodes" || die "node '$which' is not one of 1 to $nodes"

port_of() { echo $((base_port + $1 - 1)); }
home_of() { echo "$dir/node-$1"; }
ask() { # node, command ...
    local port
    port=$(port_of "$1")
    shift
    timeout 7 redis-cli -h 127.0.0.1 -p "$port" "$@" 2>/dev/null | tr -d '\r' || true
}

# The process of node I, if it lives and is ours.
pid_of() {
    local file pid
    file=$(home_of "$1")/avow.pid
    [ -f "$file" ] || return 1
    pid=$(cat "$file")
    [ -n "$pid" ] && tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null |
        grep -qxF "$(home_of "$1")/avow.conf" || return 1
    echo "$pid"
}

field() { # node, field of INFO raft
    ask "$1" INFO raft | sed -n "s/^$2://p"
}

show_node() {
    local pid role term
    if ! pid=$(pid_of "$1"); then
        echo "node $1  127.0.0.1:$(port_of "$1")  down     utils/start-cluster.sh --start $1"
        return
    fi
    role=$(field "$1" raft_role)
    term=$(field "$1" raft_term)
    printf 'node %s  127.0.0.1:%s  %-8s term %s  pid %s\n' "$1" "$(port_of "$1")" \
        "${role:-starting}" "${term:-?}" "$pid"
}

wait_gone() { # pid, seconds
    local i
    for ((i = 0; i < $2 * 20; i++)); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.05
    done
    return 1
}

stop_all() {
    local i pid pids=()
    for ((i = 1; i <= nodes; i++)); do
        if pid=$(pid_of "$i"); then
            kill "$pid"
            pids+=("$pid")
        fi
    done
    for pid in ${pids[@]+"${pids[@]}"}; do
        wait_gone "$pid" 20 || die "process $pid does not end; see its avow.log, or use kill -9 $pid"
    done
}

make_home() {
    local home init=no
    home=$(home_of "$1")
    mkdir -p "$home"
    [ -f "$home/avow.conf" ] && return
    [ "$1" -eq 1 ] && init=yes
    cat >"$home/avow.conf" <<EOF
# Written once by utils/start-cluster.sh; change it as you like and restart the node.
bind 127.0.0.1
port $(port_of "$1")
announce-host 127.0.0.1
dir $home
logfile $home/avow.log
pidfile $home/avow.pid
cluster-secret-file $dir/secret
cluster-init $init
enable-debug-command local
EOF
}

launch() {
    local home port
    home=$(home_of "$1")
    port=$(port_of "$1")
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        die "port $port is taken by another program; use --base-port, or end that program"
    fi
    rm -f "$home/avow.pid"
    setsid "$top/build/avow-server" "$home/avow.conf" >>"$home/avow.out" 2>&1 </dev/null &
    local child=$! i
    disown
    for ((i = 0; i < 200; i++)); do
        [ "$(ask "$1" PING)" != "" ] && return
        kill -0 "$child" 2>/dev/null || {
            tail -5 "$home/avow.log" "$home/avow.out" 2>/dev/null >&2 || true
            die "node $1 ended at once; its last words are above ($home/avow.log)"
        }
        sleep 0.05
    done
    die "node $1 does not answer on port $port after 10 s; see $home/avow.log"
}

member_count() { # as some living node knows it
    local i count
    for ((i = 1; i <= nodes; i++)); do
        count=$(field "$i" raft_voters)
        [ -n "$count" ] && [ "$count" -gt 0 ] && { echo "$count"; return; }
    done
    echo 0
}

# Adds node I if the cluster does not know it yet; the leader may need a moment to be found.
join() {
    local answer="" i
    [ "$(field "$1" raft_node_id)" != 0 ] && return
    for ((i = 0; i < 40; i++)); do
        answer=$(ask 1 RAFT ADD "127.0.0.1:$(($(port_of "$1") + 10000))")
        [ "$answer" = OK ] && return
        [ "$(field "$1" raft_role)" = follower ] && return
        sleep 0.25
    done
    die "node $1 could not join: ${answer:-no answer from node 1}"
}

wait_write() {
    local i answer=""
    for ((i = 0; i < 60; i++)); do
        answer=$(ask "$1" SET avow:start-cluster "node $1")
        [ "$answer" = OK ] && return
        sleep 0.25
    done
    die "no write through node $1 is acknowledged after 15 s (${answer:-no answer}); a majority of" \
        "the $(member_count) nodes must run: utils/start-cluster.sh --status"
}

start_all() {
    "$top/deps/install.sh"
    "$top/utils/build.sh"
    mkdir -p "$dir" || die "cannot make $dir"
    dir=$(cd "$dir" && pwd)
    if [ ! -f "$dir/secret" ]; then
        (umask 077 && head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$dir/secret")
    fi
    printf 'saved_nodes=%s\nsaved_base_port=%s\n' "$nodes" "$base_port" >"$settings"
    local i
    for ((i = 1; i <= nodes; i++)); do
        make_home "$i"
        pid_of "$i" >/dev/null || launch "$i"
    done
    if [ "$(field 1 raft_voters)" = 1 ]; then
        wait_write 1
    fi
    for ((i = 2; i <= nodes; i++)); do
        join "$i"
    done
    for ((i = 1; i <= nodes; i++)); do
        wait_write "$i"
        show_node "$i"
    done
    ask 1 DEL avow:start-cluster >/dev/null
    echo "ready; try: redis-cli -p $base_port"
}

case $action in
start) start_all ;;
start_one)
    pid_of "$which" >/dev/null && die "node $which runs already"
    launch "$which"
    wait_write "$which"
    show_node "$which"
    ;;
status)
    for ((i = 1; i <= nodes; i++)); do show_node "$i"; done
    ;;
stop)
    stop_all
    echo "stopped; data kept in $dir"
    ;;
kill)
    pid=$(pid_of "$which") || die "node $which does not run"
    kill -9 "$pid"
    wait_gone "$pid" 5 || die "process $pid does not go away"
    echo "node $which killed; start it again: utils/start-cluster.sh --start $which"
    ;;
clean)
    if [ -f "$settings" ]; then
        stop_all
        rm -rf "$dir"
    elif [ -e "$dir" ]; then
        die "$dir was not made by utils/start-cluster.sh; delete it yourself if that is meant"
    fi
    echo "clean"
    ;;
esac
