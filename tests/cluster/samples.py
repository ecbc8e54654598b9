"""samples.py -- every command of the table with arguments that make it do something.

A word that begins with @ names a key: "@list" becomes "<prefix>list". SETUP makes the keys; "@none..."
do not exist. A command may have several samples. What has none stands in WITHOUT, with the reason; a
test asks COMMAND LIST whether anything is in neither.
"""

SETUP = """
SET @string hello
SET @number 5
SET @bits foobar
SET @expiring v
PEXPIRE @expiring 100000000
HSET @hash a 1 b two c 3.5
RPUSH @list a b c a b 3
RPUSH @numbers 3 1 2
SADD @set a b c 1
SADD @set2 b c d
SADD @ints 1 2 3
ZADD @zset 1 a 2 b 3 c
ZADD @zset2 5 b 6 c 7 d
ZADD @lex 0 a 0 b 0 c 0 d
XADD @stream 1-1 f v
XADD @stream 2-1 f v g w
XADD @stream 3-1 f x
XGROUP CREATE @stream group 0
XREADGROUP GROUP group alice COUNT 1 STREAMS @stream >
PFADD @hll a b c d
PFADD @hll2 c d e
GEOADD @geo 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
""".split("\n")[1:-1]

SAMPLES = """
APPEND @string x
DECR @number
DECRBY @number 2
GET @string
GET @none
GETDEL @string
GETEX @expiring PERSIST
GETRANGE @string 1 2
GETSET @string new
INCR @number
INCRBY @number 4
INCRBYFLOAT @number 1.5
LCS @string @bits
MGET @string @none @number
MSET @string 1 @none1 2
MSETNX @string 1 @none1 2
PSETEX @string 100000000 x
SET @string x
SET @none x NX
SET @string x GET XX
SETEX @string 100000 x
SETNX @none x
SETRANGE @string 2 zz
STRLEN @string
SUBSTR @string 0 1
BITCOUNT @bits
BITFIELD @bits SET u8 0 65 INCRBY i5 9 1
BITFIELD_RO @bits GET u8 0
BITOP AND @none1 @bits @string
BITPOS @bits 1
GETBIT @bits 2
SETBIT @bits 7 1
PFADD @hll x y
PFCOUNT @hll @hll2
PFMERGE @hll @hll2
PFDEBUG ENCODING @hll
HDEL @hash a
HEXISTS @hash a
HGET @hash a
HGETALL @hash
HINCRBY @hash a 2
HINCRBYFLOAT @hash c 1.5
HKEYS @hash
HLEN @hash
HMGET @hash a none
HMSET @hash d 4
HRANDFIELD @hash 1
HSCAN @hash 0
HSET @hash a 9 e 5
HSETNX @hash a 1
HSTRLEN @hash b
HVALS @hash
HEXPIRE @hash 1000000 FIELDS 1 a
HPEXPIRE @hash 1000000000 FIELDS 1 a
HEXPIREAT @hash 33177117420 FIELDS 1 a
HPEXPIREAT @hash 33177117420000 FIELDS 1 a
HEXPIRETIME @hash FIELDS 1 a
HPEXPIRETIME @hash FIELDS 1 a
HTTL @hash FIELDS 1 a
HPTTL @hash FIELDS 1 a
HPERSIST @hash FIELDS 1 a
HGETDEL @hash FIELDS 1 a
HGETEX @hash PERSIST FIELDS 1 a
HSETEX @hash FIELDS 1 a 7
BLMOVE @list @list2 LEFT RIGHT 0.05
BLMOVE @none @list2 LEFT RIGHT 0.05
BLMPOP 0.05 2 @none @list LEFT
BLPOP @list 0.05
BLPOP @none 0.05
BRPOP @none @list 0.05
BRPOPLPUSH @list @list2 0.05
LINDEX @list 1
LINSERT @list BEFORE b x
LLEN @list
LMOVE @list @list2 LEFT RIGHT
LMPOP 2 @none @list LEFT COUNT 2
LPOP @list 2
LPOS @list a RANK 2
LPUSH @list x y
LPUSHX @none x
LRANGE @list 0 -1
LREM @list 0 a
LSET @list 1 zz
LTRIM @list 1 3
RPOP @list
RPOPLPUSH @list @list2
RPUSH @list z
RPUSHX @list z
SADD @set e f
SCARD @set
SDIFF @set @set2
SDIFFSTORE @none1 @set @set2
SINTER @set @set2
SINTERCARD 2 @set @set2
SINTERSTORE @none1 @set @set2
SISMEMBER @set a
SMEMBERS @ints
SMISMEMBER @set a x
SMOVE @set @set2 a
SPOP @set
SRANDMEMBER @set
SREM @set a
SSCAN @set 0
SUNION @set @set2
SUNIONSTORE @none1 @set @set2
BZMPOP 0.05 1 @zset MIN
BZPOPMAX @zset 0.05
BZPOPMIN @none 0.05
ZADD @zset 4 d
ZADD @zset XX GT CH INCR 5 a
ZCARD @zset
ZCOUNT @zset 1 2
ZDIFF 2 @zset @zset2
ZDIFFSTORE @none1 2 @zset @zset2
ZINCRBY @zset 2 a
ZINTER 2 @zset @zset2 WITHSCORES
ZINTERCARD 2 @zset @zset2
ZINTERSTORE @none1 2 @zset @zset2
ZLEXCOUNT @lex - +
ZMPOP 1 @zset MAX
ZMSCORE @zset a x
ZPOPMAX @zset
ZPOPMIN @zset
ZRANDMEMBER @zset
ZRANGE @zset 0 -1 WITHSCORES
ZRANGEBYLEX @lex [b +
ZRANGEBYSCORE @zset 1 2
ZRANGESTORE @none1 @zset 0 1
ZRANK @zset b
ZREM @zset a
ZREMRANGEBYLEX @lex [b [c
ZREMRANGEBYRANK @zset 0 0
ZREMRANGEBYSCORE @zset 1 1
ZREVRANGE @zset 0 -1
ZREVRANGEBYLEX @lex + -
ZREVRANGEBYSCORE @zset 3 1
ZREVRANK @zset a
ZSCAN @zset 0
ZSCORE @zset a
ZUNION 2 @zset @zset2
ZUNIONSTORE @none1 2 @zset @zset2
XACK @stream group 1-1
XADD @stream * f v
XADD @stream 9-1 f v
XAUTOCLAIM @stream group bob 0 0
XCLAIM @stream group bob 0 1-1
XDEL @stream 2-1
XGROUP CREATE @stream group2 $
XGROUP CREATECONSUMER @stream group carol
XGROUP DELCONSUMER @stream group alice
XGROUP DESTROY @stream group
XGROUP HELP
XGROUP SETID @stream group 2-1
XINFO CONSUMERS @stream group
XINFO GROUPS @stream
XINFO HELP
XINFO STREAM @stream
XLEN @stream
XPENDING @stream group
XRANGE @stream - +
XREAD COUNT 2 STREAMS @stream 0
XREAD BLOCK 50 STREAMS @stream $
XREADGROUP GROUP group alice COUNT 1 STREAMS @stream >
XREADGROUP GROUP group alice BLOCK 50 STREAMS @stream >
XREVRANGE @stream + - COUNT 1
XSETID @stream 9-9
XTRIM @stream MAXLEN 1
GEOADD @geo 12.5 41.9 Rome
GEODIST @geo Palermo Catania km
GEOHASH @geo Palermo
GEOPOS @geo Palermo x
GEORADIUS @geo 15 37 200 km
GEORADIUS @geo 15 37 200 km STORE @none1
GEORADIUS_RO @geo 15 37 200 km
GEORADIUSBYMEMBER @geo Palermo 200 km
GEORADIUSBYMEMBER_RO @geo Palermo 200 km
GEOSEARCH @geo FROMMEMBER Palermo BYRADIUS 200 km ASC
GEOSEARCHSTORE @none1 @geo FROMLONLAT 15 37 BYBOX 400 400 km
COPY @string @none1
DEL @string @list
DUMP @string
EXISTS @string @none
EXPIRE @string 1000000
EXPIREAT @string 33177117420
EXPIRETIME @expiring
KEYS @str*
MOVE @string 3
OBJECT ENCODING @list
OBJECT FREQ @string
OBJECT HELP
OBJECT IDLETIME @string
OBJECT REFCOUNT @string
PERSIST @expiring
PEXPIRE @string 1000000000
PEXPIREAT @string 33177117420000
PEXPIRETIME @expiring
PTTL @expiring
RANDOMKEY
RENAME @string @none1
RENAMENX @string @none1
RESTORE @none1 0 bad
SCAN 0 MATCH @no-such-key-*
SORT @numbers
SORT @numbers DESC STORE @none1
SORT_RO @numbers
TOUCH @string @none
TTL @expiring
TYPE @list
UNLINK @string
WAIT 0 1
EVAL return{KEYS[1],ARGV[1]} 1 @string x
EVAL return(redis.call('incr',KEYS[1])) 1 @number
EVAL_RO return(redis.call('get',KEYS[1])) 1 @string
EVALSHA 0000000000000000000000000000000000000000 0
EVALSHA_RO 0000000000000000000000000000000000000000 0
FCALL nosuch 0
FCALL_RO nosuch 0
FUNCTION DELETE nosuch
FUNCTION DUMP
FUNCTION HELP
FUNCTION KILL
FUNCTION LIST
FUNCTION LOAD #!lua
FUNCTION RESTORE x
FUNCTION STATS
SCRIPT DEBUG NO
SCRIPT EXISTS 0000000000000000000000000000000000000000
SCRIPT HELP
SCRIPT KILL
SCRIPT LOAD return(1)
MULTI
EXEC
DISCARD
WATCH @string
UNWATCH
PUBLISH @channel hello
SPUBLISH @channel hello
SUBSCRIBE @channel @channel2
SSUBSCRIBE @channel
PSUBSCRIBE @chan*
UNSUBSCRIBE @channel
SUNSUBSCRIBE @channel
PUNSUBSCRIBE @chan*
PUBSUB CHANNELS @no-such*
PUBSUB HELP
PUBSUB NUMPAT
PUBSUB NUMSUB @channel
PUBSUB SHARDCHANNELS @no-such*
PUBSUB SHARDNUMSUB @channel
AUTH default wrong
CLIENT CACHING YES
CLIENT GETNAME
CLIENT GETREDIR
CLIENT HELP
CLIENT ID
CLIENT INFO
CLIENT KILL ID 1
CLIENT LIST ID 1
CLIENT NO-EVICT OFF
CLIENT REPLY ON
CLIENT REPLY SKIP
CLIENT SETINFO LIB-NAME x
CLIENT SETNAME me
CLIENT TRACKING ON
CLIENT TRACKINGINFO
CLIENT UNBLOCK 1
CLIENT UNPAUSE
ECHO hello
HELLO 2
HELLO 3
PING
PING x
QUIT
RESET
SELECT 5
ASKING
READONLY
READWRITE
CLUSTER COUNTKEYSINSLOT 1
CLUSTER HELP
CLUSTER INFO
CLUSTER KEYSLOT @string
CLUSTER MYID
CLUSTER NODES
CLUSTER SHARDS
CLUSTER SLOTS
COMMAND
COMMAND COUNT
COMMAND DOCS get
COMMAND GETKEYS GET @string
COMMAND GETKEYSANDFLAGS GET @string
COMMAND HELP
COMMAND INFO get
COMMAND LIST FILTERBY PATTERN xa*
CONFIG GET appendonly
CONFIG HELP
CONFIG SET hll-sparse-max-bytes 3000
DBSIZE
INFO server
LASTSAVE
LATENCY HELP
LATENCY LATEST
LATENCY HISTORY x
LOLWUT VERSION 5
MEMORY HELP
MEMORY USAGE @string
MODULE HELP
MODULE LIST
MONITOR
ROLE
SLOWLOG GET 1
SLOWLOG HELP
SLOWLOG LEN
RAFT PHASES 1
TIME
ACL CAT
ACL GENPASS
ACL HELP
ACL LIST
ACL USERS
ACL WHOAMI
ACL GETUSER default
ACL DRYRUN default GET @string
ACL LOG 1
RAFT STATUS
RAFT HELP
DEBUG SLEEP 0
DEBUG OBJECT @string
""".split("\n")[1:-1]

# Replies that differ from one run to the next; of these only the kind is compared.
VARIES = {
    "randomkey", "hrandfield", "spop", "srandmember", "zrandmember", "time", "lastsave", "info", "role",
    "client", "dbsize", "slowlog", "latency", "memory", "object", "cluster", "acl", "raft", "monitor",
    "dump", "command", "pubsub", "config", "xadd", "xautoclaim", "xclaim", "xpending", "xinfo", "hello",
    "debug", "function", "script", "lolwut", "keys", "scan", "publish", "spublish", "echo", "wait",
}

WITHOUT = {
    "shutdown": "ends the node", "flushall": "takes the keys of the others", "flushdb": "takes the keys of the others",
    "swapdb": "takes the keys of the others", "failover": "moves the leader", "cluster|failover": "moves the leader",
    "cluster|forget": "changes members", "cluster|meet": "changes members", "debug|panic": "ends the node",
    "debug|segfault": "ends the node", "client|pause": "stops the others", "function|flush": "takes the scripts of the others",
    "script|flush": "takes the scripts of the others", "config|resetstat": "changes what the others compare",
    "config|rewrite": "writes the file", "migrate": "refused, whatever it is asked", "sync": "refused, whatever it is asked",
    "psync": "refused, whatever it is asked", "replconf": "refused, whatever it is asked",
    "replicaof": "refused, whatever it is asked", "slaveof": "refused, whatever it is asked",
    "save": "waits for the disk", "bgsave": "waits for the disk", "bgrewriteaof": "waits for the disk",
    "pfselftest": "takes long", "restore-asking": "as RESTORE", "memory|doctor": "as MEMORY USAGE",
    "memory|malloc-stats": "as MEMORY USAGE", "memory|purge": "as MEMORY USAGE", "memory|stats": "as MEMORY USAGE",
    "latency|reset": "as LATENCY LATEST", "latency|doctor": "as LATENCY LATEST", "latency|graph": "as LATENCY LATEST",
    "latency|histogram": "as LATENCY LATEST", "slowlog|reset": "changes what the others compare",
}
WITHOUT_PREFIX = ("sentinel", "module", "acl", "raft", "cluster", "debug")


def words(line, prefix):
    """A sample as arguments."""
    return [prefix + w[1:] if w.startswith("@") else w for w in line.split()]


def name_of(line, containers):
    """The full name as COMMAND LIST gives it: "xgroup|create"."""
    first, *rest = line.lower().split()
    return first + "|" + rest[0] if first in containers and rest else first


def unsampled(listed):
    """Names that COMMAND LIST gives and that are neither sampled nor excused."""
    containers = {name.split("|")[0] for name in listed if "|" in name}
    sampled = {name_of(line, containers) for line in SAMPLES}
    return sorted(name for name in listed if name not in sampled and name not in WITHOUT and
                  name not in containers and name.split("|")[0] not in WITHOUT_PREFIX)
