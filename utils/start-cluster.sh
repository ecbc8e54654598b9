#!/usr/bin/env bash
# Starts a local cluster: installs what is missing, builds, starts N nodes on 127.0.0.1, joins them,
# waits until each acknowledges a write. Run again, it starts what does not run and keeps all data.
set -euo pipefail
# pipefail: a reader in a pipe takes all of it (sed -n 1p, grep >/dev/null, never head or grep -q), or the
# writer ends by SIGPIPE now and then.
top=$(cd "$(dirname "$0")/.." && pwd)
self=$0

usage() {
    cat <<'EOF'
usage: utils/start-cluster.sh [options]
  --nodes N        how many nodes (default 3, or as many as the directory holds)
  --base-port P    client port of node 1, the next nodes follow (default 7001); peers: port + 10000
  --dashboard      builds the dashboard when needed; nodes started from now on serve it on their
                   HTTP port, client port + 1000 (remembered in the directory)
  --chaos          with --dashboard: its page may break the nodes started from now on, and start,
                   pause and resume them through a keeper, a process beside them
  --dir D          where data, logs and configuration live (default: cluster/)
  --status         one line per node, changes nothing
  --stop           ends all nodes, leader handed over first; data stays
  --kill I         kill -9 of node I
  --start I        starts node I again
  --pause I        node I stands still (kill -STOP)
  --resume I       and goes on
  --add            starts one more node and makes it a member
  --remove I       takes node I out of the cluster and stops it; its data goes to node-I.removed
  --replace I      puts a new, empty node in the place of node I, dead or alive, in one change of
                   members; what node I had goes to node-I.removed
  --clean          stops all nodes and deletes the directory
Of the last ten at most one at a time. I is a node's number, or its address for other nodes.
EOF
}

die() {
    echo "start-cluster: $*" >&2
    exit 1
}

nodes="" base_port="" dir=$top/cluster action=start which="" dashboard="" chaos=""
act() {
    [ "$action" = start ] || die "one thing at a time: not both --${action/_one/} and --${1/_one/}"
    action=$1
}
while [ $# -gt 0 ]; do
    case $1 in
    --nodes | --base-port | --dir | --kill | --start | --pause | --resume | --remove | --replace)
        [ $# -ge 2 ] || die "$1 needs a value; see --help" ;;&
    --nodes) nodes=$2; shift ;;
    --base-port) base_port=$2; shift ;;
    --dir) dir=$2; shift ;;
    --dashboard) dashboard=yes ;;
    --chaos) chaos=yes ;;
    --kill) act kill; which=$2; shift ;;
    --start) act start_one; which=$2; shift ;;
    --pause) act pause; which=$2; shift ;;
    --resume) act resume; which=$2; shift ;;
    --add) act add ;;
    --remove) act remove; which=$2; shift ;;
    --replace) act replace; which=$2; shift ;;
    --status) act status ;;
    --stop) act stop ;;
    --clean) act clean ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; die "unknown option '$1'" ;;
    esac
    shift
done

is_number() { [[ $1 =~ ^[1-9][0-9]{0,4}$ ]] && [ "$1" -ge "$2" ] && [ "$1" -le "$3" ]; }
[ -z "$nodes" ] || is_number "$nodes" 1 15 || die "--nodes wants a number from 1 to 15, not '$nodes'"
[ -z "$base_port" ] || is_number "$base_port" 1 55000 ||
    die "--base-port wants a port from 1 to 55000, not '$base_port'"

[ -n "$dir" ] || die "--dir wants a directory"
dir=$(realpath -m -- "$dir") # absolute, as it stands in the nodes' command lines
[[ $dir != *$'\n'* ]] || die "a path with a line break in it will not do"

# The directory remembers its ports and its size: a later call needs no options.
settings=$dir/cluster.settings
saved_removed="" saved_dashboard="" saved_chaos=""
if [ -f "$settings" ]; then
    # shellcheck disable=SC1090
    . "$settings" # saved_nodes, saved_base_port, saved_removed, saved_dashboard, saved_chaos
    [ -z "$base_port" ] || [ "$base_port" = "$saved_base_port" ] ||
        die "$dir was made with --base-port $saved_base_port; use that, another --dir, or --clean first"
    base_port=$saved_base_port
    nodes=${nodes:-$saved_nodes}
    [ "$nodes" -ge "$saved_nodes" ] || nodes=$saved_nodes
elif [ "$action" != start ] && [ "$action" != clean ]; then
    die "no cluster in $dir; start one first: $self"
fi
nodes=${nodes:-3}
dashboard=${dashboard:-$saved_dashboard}
chaos=${chaos:-$saved_chaos}
[ -z "$chaos" ] || [ -n "$dashboard" ] || die "--chaos goes with --dashboard"
base_port=${base_port:-7001}
if [[ $which =~ ^127\.0\.0\.1:([0-9]{1,5})$ ]]; then # as other nodes know it
    which=$((10#${BASH_REMATCH[1]} - 10000 - base_port + 1))
fi
[ -z "$which" ] || is_number "$which" 1 "$nodes" || die "node '$which' is not one of 1 to $nodes"

# The numbers of the nodes: 1 to $nodes but those that were removed.
removed=" $saved_removed "
is_removed() { [[ $removed == *" $1 "* ]]; }
numbers() {
    local i
    for ((i = 1; i <= nodes; i++)); do
        is_removed "$i" || echo "$i"
    done
}
save_settings() {
    printf 'saved_nodes=%s\nsaved_base_port=%s\nsaved_removed="%s"\nsaved_dashboard=%s\nsaved_chaos=%s\n' \
        "$nodes" "$base_port" "$(xargs <<<"$removed")" "$dashboard" "$chaos" >"$settings.new"
    mv "$settings.new" "$settings"
}

# How to call this script again for the same cluster.
again=$self
[ "$dir" = "$top/cluster" ] || again="$self --dir $(printf %q "$dir")"

# Two of these scripts at work on one directory would disturb each other. Nodes do not inherit it.
one_at_a_time() {
    exec 9>"$dir/.lock"
    flock -n 9 || die "another $self is at work on $dir; wait until it ends"
}

is_empty() { [ -z "$(find "$1" -mindepth 1 ! -name .lock -print -quit)" ]; }

port_of() { echo $((base_port + $1 - 1)); }
http_of() { echo $(($(port_of "$1") + 1000)); }
home_of() { echo "$dir/node-$1"; }
ask() { # node, command ...
    local port pid
    ! pid=$(pid_of "$1") || ! is_paused "$pid" || return 0
    port=$(port_of "$1")
    shift
    timeout 7 redis-cli -h 127.0.0.1 -p "$port" "$@" 2>/dev/null | tr -d '\r' || true
}

is_alive() { # a zombie that nobody has waited for is not; by its state: a process's command line is empty for a
    # moment while it becomes another program
    local stat
    read -r stat <"/proc/$1/stat" && [[ ${stat##*) } != [ZX]* ]]
} 2>/dev/null

is_paused() {
    grep '^State:[[:space:]]*T' "/proc/$1/status" >/dev/null
} 2>/dev/null

# The process of node I, if it lives and is ours.
pid_of() {
    local file pid
    file=$(home_of "$1")/avow.pid
    [ -f "$file" ] || return 1
    pid=$(cat "$file")
    [ -n "$pid" ] && [ -r "/proc/$pid/cmdline" ] || return 1
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -xF "$(home_of "$1")/avow.conf" >/dev/null || return 1
    echo "$pid"
}

field() { # node, field of INFO raft
    ask "$1" INFO raft | sed -n "s/^$2://p"
}

show_node() {
    local pid role term
    if ! pid=$(pid_of "$1"); then
        echo "node $1  127.0.0.1:$(port_of "$1")  down      (start it: $again --start $1)"
        return
    fi
    if is_paused "$pid"; then
        echo "node $1  127.0.0.1:$(port_of "$1")  paused    pid $pid (let it go on: $again --resume $1)"
        return
    fi
    role=$(field "$1" raft_role)
    term=$(field "$1" raft_term)
    printf 'node %s  127.0.0.1:%s  %-9s term %s  pid %s\n' "$1" "$(port_of "$1")" \
        "${role:-starting}" "${term:-?}" "$pid"
}

wait_gone() { # pid, seconds
    local i
    for ((i = 0; i < $2 * 20; i++)); do
        is_alive "$1" || return 0
        sleep 0.05
    done
    return 1
}

tell_end() { # pid; one that is paused must go on to hear it
    kill "$1"
    kill -CONT "$1"
}

# The keeper does to nodes what their pages ask for: it calls this script. It goes when its socket goes.
keeper=$dir/keeper.sock
is_kept() {
    [ -S "$keeper" ] && tr '\0' '\n' <"/proc/$(cat "$dir/keeper.pid")/cmdline" | grep -xF "$keeper" >/dev/null
} 2>/dev/null
start_keeper() {
    [ ${#keeper} -le 100 ] || die "--chaos needs a shorter --dir: a socket's name, $keeper, has at most 100 characters"
    ! is_kept || return 0
    rm -f "$keeper"
    setsid "$top/build/utils/keeper" "$keeper" "$top/utils/start-cluster.sh" --dir "$dir" \
        >"$dir/keeper.out" 2>&1 </dev/null 9>&- &
    echo $! >"$dir/keeper.pid"
    disown
    local i
    for ((i = 0; i < 100; i++)); do
        [ ! -S "$keeper" ] || return 0
        sleep 0.05
    done
    die "the keeper does not listen; see $dir/keeper.out"
}

stop_all() {
    local i pid pids=()
    rm -f "$keeper"
    for i in $(numbers); do
        if pid=$(pid_of "$i"); then
            tell_end "$pid"
            pids+=("$pid")
        fi
    done
    for pid in ${pids[@]+"${pids[@]}"}; do
        wait_gone "$pid" 20 || die "process $pid does not end; see its avow.log, or use kill -9 $pid"
    done
}

# A value of the configuration file, whatever is in it.
quoted() {
    local text=${1//\\/\\\\}
    echo "\"${text//\"/\\\"}\""
}

make_home() {
    local home init=no
    home=$(home_of "$1")
    mkdir -p "$home"
    [ ! -f "$home/avow.conf" ] || return 0
    [ "$1" -ne 1 ] || [ -f "$dir/formed" ] || init=yes
    cat >"$home/avow.conf.new" <<EOF
# Written once by utils/start-cluster.sh; change it as you like and restart the node.
bind 127.0.0.1
port $(port_of "$1")
announce-host 127.0.0.1
dir $(quoted "$home")
logfile $(quoted "$home/avow.log")
pidfile $(quoted "$home/avow.pid")
cluster-secret-file $(quoted "$dir/secret")
cluster-init $init
enable-debug-command local
EOF
    mv "$home/avow.conf.new" "$home/avow.conf"
}

is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# The ports of node I are free, or it is ours that has them.
check_ports() {
    local port
    ! pid_of "$1" >/dev/null || return 0
    port=$(port_of "$1")
    for port in "$port" $((port + 10000)) ${dashboard:+"$(http_of "$1")"}; do
        ! is_taken "$port" || die "port $port, of node $1, is taken by another program: end that" \
            "program, or use another --base-port (is it a node whose directory was deleted?" \
            "See: pgrep -a avow-server)"
    done
}

launch() {
    local home port
    home=$(home_of "$1")
    port=$(port_of "$1")
    check_ports "$1"
    [ -x "$top/build/avow-server" ] || die "there is no build/avow-server; run $again to build it"
    rm -f "$home/avow.pid"
    local words=("$home/avow.conf")
    [ -z "$dashboard" ] || words+=(--http-port "$(http_of "$1")" --http-dir "$top/dashboard/dist")
    [ -z "$chaos" ] || words+=(--chaos yes --chaos-socket "$keeper")
    setsid "$top/build/avow-server" "${words[@]}" >"$home/avow.out" 2>&1 </dev/null 9>&- &
    local child=$! i
    disown
    for ((i = 0; i < 200; i++)); do
        [ -z "$(ask "$1" PING)" ] || return 0
        is_alive "$child" || {
            tail -q -n 5 "$home/avow.log" "$home/avow.out" >&2 2>/dev/null || true
            die "node $1 ended at once; its last words are above, more may be in $home/avow.log"
        }
        sleep 0.05
    done
    die "node $1 does not answer on port $port after 10 s; see $home/avow.log"
}

member_count() { # as some living node knows it
    local i count
    for i in $(numbers); do
        count=$(field "$i" raft_voters)
        if [ "${count:-0}" -gt 0 ]; then
            echo "$count"
            return
        fi
    done
    echo 0
}

votes() { # as it knows itself; one that is added is empty or a learner before
    case $(field "$1" raft_role) in
    leader | follower | candidate | pre-candidate) return 0 ;;
    *) return 1 ;;
    esac
}

# The first voter that runs, but not node $1: who is asked to change the members.
speaker_beside() {
    local i
    for i in $(numbers); do
        if [ "$i" != "$1" ] && pid_of "$i" >/dev/null && votes "$i"; then
            echo "$i"
            return
        fi
    done
    die "no other node runs that could be asked; see $again --status"
}

peer_of() { echo "127.0.0.1:$(($(port_of "$1") + 10000))"; }

id_of() { # the number that the cluster knows node I by, as another node says; empty: none
    ask "$2" INFO raft | sed -n "s/^raft_peer_\([0-9]*\):address=$(peer_of "$1"),.*/\1/p"
}

is_voter() { # as node $2 knows it
    ask "$2" INFO raft | grep "^raft_peer_[0-9]*:address=$(peer_of "$1"),voter=1" >/dev/null
}

# Adds node I if it does not vote yet; the leader may need a moment to be found.
join() {
    local answer="" i speaker
    speaker=$(speaker_beside "$1")
    for ((i = 0; i < 40; i++)); do
        ! is_voter "$1" "$speaker" || return 0
        answer=$(ask "$speaker" RAFT ADD "$(peer_of "$1")")
        [ "$answer" != OK ] || return 0
        sleep 0.25
    done
    die "node $1 could not join: ${answer:-no answer from node $speaker}"
}

wait_write() {
    local i answer=""
    for ((i = 0; i < 60; i++)); do
        answer=$(ask "$1" SET avow:start-cluster "node $1")
        [ "$answer" != OK ] || return 0
        sleep 0.25
    done
    die "no write through node $1 is acknowledged after 15 s (${answer:-no answer}); a majority of" \
        "the $(member_count) nodes must run: $again --status"
}

# Where the page is, and which nodes run without it.
tell_dashboard() {
    local i page="" without=""
    for i in $(numbers); do
        if is_taken "$(http_of "$i")"; then
            page=${page:-$i}
        else
            without="$without $i"
        fi
    done
    [ -z "$page" ] || echo "dashboard: http://127.0.0.1:$(http_of "$page")"
    [ -z "$without" ] ||
        echo "nodes$without ran before and serve no dashboard: $again --stop, then start again"
}

start_all() {
    "$top/deps/install.sh"
    [ -z "$dashboard" ] || "$top/deps/install.sh" --dashboard
    "$top/utils/build.sh"
    [ -z "$dashboard" ] || "$top/utils/build-dashboard.sh"
    mkdir -p "$dir" || die "cannot make $dir"
    [ -w "$dir" ] || die "cannot write to $dir; use another --dir"
    [ -f "$settings" ] || is_empty "$dir" ||
        die "$dir is not empty and not made by this script; use another --dir"
    one_at_a_time
    local i
    for i in $(numbers); do
        check_ports "$i" # before anything is written down
    done
    save_settings
    if [ ! -f "$dir/secret" ]; then
        (umask 077 && head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$dir/secret")
    fi
    [ -z "$chaos" ] || start_keeper
    for i in $(numbers); do
        make_home "$i"
        pid_of "$i" >/dev/null || launch "$i"
    done
    if [ ! -f "$dir/formed" ]; then
        wait_write 1
        : >"$dir/formed" # from now on an empty node 1 makes no cluster of its own
    fi
    for i in $(numbers); do
        votes "$i" || join "$i"
    done
    for i in $(numbers); do
        wait_write "$i"
        show_node "$i"
    done
    i=$(numbers | sed -n 1p)
    ask "$i" DEL avow:start-cluster >/dev/null
    [ -z "$dashboard" ] || tell_dashboard
    echo "ready; try: redis-cli -p $(port_of "$i")"
}

start_one() {
    local i running=0 members pid
    if pid=$(pid_of "$which"); then
        ! is_paused "$pid" || die "node $which is paused, let it go on: $again --resume $which"
        die "node $which runs already"
    fi
    [ -f "$(home_of "$which")/avow.conf" ] || die "node $which was never started; run $again"
    launch "$which"
    for i in $(numbers); do
        ! pid_of "$i" >/dev/null || running=$((running + 1))
    done
    members=$(member_count)
    if [ $((running * 2)) -gt "$members" ]; then
        wait_write "$which"
        show_node "$which"
    else
        show_node "$which"
        echo "$running of $members nodes run: writes wait for a majority; start another one"
    fi
}

# Makes room for a new node I: whatever the old one had is put aside.
put_aside() {
    local pid home
    home=$(home_of "$1")
    if pid=$(pid_of "$1"); then
        tell_end "$pid" || true
        wait_gone "$pid" 20 || die "process $pid does not end; see $home/avow.log"
    fi
    rm -rf "$home.removed"
    [ ! -d "$home" ] || mv "$home" "$home.removed"
}

add_node() {
    local i new=""
    for ((i = 1; i <= nodes; i++)); do
        [ -n "$new" ] || ! is_removed "$i" || new=$i
    done
    [ -n "$new" ] || { new=$((nodes + 1)) && nodes=$new; }
    [ "$new" -le 15 ] || die "a cluster has at most 15 nodes"
    removed=${removed/ $new / }
    speaker_beside "$new" >/dev/null
    check_ports "$new"
    make_home "$new"
    launch "$new"
    join "$new"
    save_settings
    wait_write "$new"
    show_node "$new"
}

remove_node() {
    local speaker id answer="" i
    speaker=$(speaker_beside "$which")
    id=$(id_of "$which" "$speaker")
    for ((i = 0; i < 40; i++)); do
        [ -n "$id" ] || break
        answer=$(ask "$speaker" RAFT REMOVE "$id")
        [ "$answer" != OK ] || break
        sleep 0.25
        id=$(id_of "$which" "$speaker")
    done
    [ "$answer" = OK ] || [ -z "$id" ] ||
        die "node $which was not removed: ${answer:-no answer from node $speaker}"
    put_aside "$which"
    removed="$removed$which "
    save_settings
    echo "node $which removed; what it had is in $(home_of "$which").removed"
}

# Its data is put aside only when the cluster is known to have a majority without it.
replace_node() {
    local speaker id answer="" i
    speaker=$(speaker_beside "$which")
    id=$(id_of "$which" "$speaker")
    [ -n "$id" ] || die "node $which is not a member as node $speaker knows it; add one: $again --add"
    [ "$(running_beside "$which")" -gt $(($(member_count) / 2)) ] ||
        die "without node $which no majority of the $(member_count) nodes runs: start the others first"
    put_aside "$which"
    make_home "$which"
    launch "$which"
    for ((i = 0; i < 40; i++)); do
        answer=$(ask "$speaker" RAFT REPLACE "$id" "$(peer_of "$which")")
        [ "$answer" != OK ] || break
        [ "$(id_of "$which" "$speaker")" = "$id" ] || break # done, though nobody said so
        sleep 0.5
    done
    wait_write "$which"
    show_node "$which"
}

running_beside() {
    local i count=0
    for i in $(numbers); do
        [ "$i" = "$1" ] || ! pid_of "$i" >/dev/null || count=$((count + 1))
    done
    echo "$count"
}

[ -z "$which" ] || ! is_removed "$which" ||
    die "node $which was removed; a new one comes with: $again --add"
[ "$action" = start ] || command -v redis-cli >/dev/null ||
    die "redis-cli is not there; install it: $top/deps/install.sh"
case $action in
start | clean | status) ;;
*) one_at_a_time ;;
esac
case $action in
start) start_all ;;
start_one) start_one ;;
status)
    for i in $(numbers); do show_node "$i"; done
    ;;
add) add_node ;;
remove) remove_node ;;
replace) replace_node ;;
stop)
    stop_all
    echo "stopped; data kept in $dir"
    ;;
kill)
    pid=$(pid_of "$which") || die "node $which does not run; start it: $again --start $which"
    kill -9 "$pid"
    wait_gone "$pid" 5 || die "process $pid does not go away"
    echo "node $which killed; start it again: $again --start $which"
    ;;
pause | resume)
    pid=$(pid_of "$which") || die "node $which does not run; start it: $again --start $which"
    if [ "$action" = pause ]; then
        kill -STOP "$pid"
        echo "node $which paused; let it go on: $again --resume $which"
    else
        kill -CONT "$pid"
        echo "node $which goes on"
    fi
    ;;
clean)
    if [ -f "$settings" ]; then
        one_at_a_time
        stop_all
        rm -rf "$dir"
    elif [ -d "$dir" ] && is_empty "$dir"; then
        rm -rf "$dir"
    elif [ -e "$dir" ]; then
        die "$dir was not made by this script; delete it yourself if that is meant"
    fi
    echo "clean"
    ;;
esac
