/* sim_zoo.c -- random commands of all types on a few keys of databases of their own. Nobody judges
 * the answers: what is checked is that all nodes come to the same rows, whatever was replayed,
 * flushed, purged or expired where. */

#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

#include "command/command.h"
#include "machine/machine.h"

#define ZOO_ARGS_MAX 128
#define ZOO_FIELDS 400
#define ZOO_KEYS 3 /* of each type */

/* Tokens: Kh Kl Ks Kz Kx Kt a key of that type, K? of any; F a field, V a value, N a small number,
 * L long bytes, M many fields with values, S many fields. Others are themselves. */
static const char *const templates[] = {
    "hset Kh F V", "hset Kh M", "hset Kh M", "hdel Kh F F", "hincrby Kh F N", "hsetnx Kh F V",
    "hincrbyfloat Kh F 1.25", "hgetall Kh", "hset Kh F L", "hpexpire Kh 60 fields 2 F F",
    "hpexpire Kh N fields 1 F", "hsetex Kh px 40 fields 2 F V F V", "hpersist Kh fields 1 F",
    "hgetex Kh ex 1 fields 1 F", "hgetdel Kh fields 1 F", "hpttl Kh fields 1 F", "hlen Kh",
    "lpush Kl V V", "rpush Kl V L", "rpush Kl S", "lpop Kl", "rpop Kl N", "linsert Kl before F V",
    "lrem Kl 0 F", "ltrim Kl 1 200", "lset Kl N V", "lmove Kl Kl left right", "rpoplpush Kl Kl",
    "sadd Ks S", "sadd Ks F N", "srem Ks F F", "spop Ks", "spop Ks N", "smove Ks Ks F",
    "sunionstore Ks Ks Ks", "sdiffstore Ks Ks Ks", "sinterstore Ks Ks Ks", "srandmember Ks N",
    "zadd Kz N F N F", "zincrby Kz N F", "zrem Kz F", "zpopmin Kz", "zpopmax Kz N",
    "zremrangebyrank Kz 0 N", "zunionstore Kz 2 Kz Kz", "zremrangebyscore Kz N 40",
    "xadd Kx * F V", "xtrim Kx maxlen N", "xdel Kx 1-1", "geoadd Kz 1.5 2.5 F",
    "geoadd Kz N N F", "geosearchstore Kz Kz fromlonlat N N byradius 4000 km storedist",
    "xadd Kx * F V", "xgroup create Kx g 0 mkstream", "xgroup destroy Kx g",
    "xreadgroup group g f1 count N streams Kx >", "xreadgroup group g f2 count 3 streams Kx >",
    "xreadgroup group g f1 streams Kx 0", "xautoclaim Kx g f2 N - count N",
    "xgroup delconsumer Kx g f1", "xpending Kx g",
    "blpop Kl Kl 0.05", "brpop Kl 0.01", "blmove Kl Kl left right 0.1", "bzpopmin Kz Kz 0.05",
    "blmpop 0.02 2 Kl Kl right count 2", "xreadgroup group g f1 block 30 streams Kx >",
    "xread block 40 streams Kx $", "xread block 20 count 2 streams Kx Kx 0 $",
    "set Kt V", "set Kt L", "append Kt L", "append Kt V", "setrange Kt N V", "setbit Kt N 1",
    "incrbyfloat Kt 1.5", "getdel Kt", "getset Kt V", "setex Kt 1 V", "getex Kt px 30",
    "mset Kt V Kt V", "msetnx Kt V Kt V", "pfadd Kt S", "pfmerge Kt Kt", "bitop or Kt Kt Kt",
    "bitfield Kt set u8 N N", "incr Kt",
    "rename K? K?", "renamenx K? K?", "copy K? K? replace", "pexpire K? 60", "expire K? 1",
    "pexpire K? N", "persist K?", "del K?", "unlink K? K?", "move K? 2", "touch K?", "type K?",
    "sort Ks alpha store Kl", "sort Kl by nosort get # store Kl", "sort Kz by * alpha store Kl",
    "swapdb 1 2", "flushdb", "flushdb async", "dbsize", "randomkey",
    "object encoding K?", "ttl K?", "debug digest",
    /* scripts: tabs where Lua wants blanks */
    "eval for\ti=1,9\tdo\tredis.call('rpush',KEYS[1],math.random(99),os.clock())\tend 1 Kl",
    "eval redis.call('hset',KEYS[1],'f',cjson.encode({redis.call('time'),tostring({})})) 1 Kh",
    "eval local\tt={}\tfor\ti=1,9\tdo\tt['k'..math.random(99)]=i\tend\tlocal\ts=''\t"
    "for\tk,v\tin\tpairs(t)\tdo\ts=s..k..v\tend\tredis.call('set',KEYS[1],s) 1 Kt",
    "eval redis.call('set',KEYS[1],1)\terror('no') 1 Kt",
    "eval redis.call('set',KEYS[1],1)\treturn\tstring.rep('x',2^31) 1 Kt",
    "eval return\tredis.pcall('spop',KEYS[1],ARGV[1]) 1 Ks N", "eval return\t1 0 V",
    "evalsha e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0", "script load return\t2",
    "script flush", "function flush", "fcall zoo 1 Kl V", "fcall_ro zoo 1 Kl V",
    "function load replace #!lua\tname=zoo\nredis.register_function('zoo',function(k,a)\t"
    "return\tredis.call('rpush',k[1],a[1],math.random(9))\tend)",
};

struct words {
    struct bytes args[ZOO_ARGS_MAX];
    uint32_t count;
    struct buf memory;
    size_t ends[ZOO_ARGS_MAX];
};

static void add_word(struct words *w, const char *text)
{
    CHECK(w->count < ZOO_ARGS_MAX);
    buf_append_bytes(&w->memory, bytes_from_string(text));
    w->ends[w->count++] = w->memory.size;
}

static void add_number(struct words *w, const char *prefix, uint64_t number)
{
    char text[40];
    snprintf(text, sizeof(text), "%s%llu", prefix, (unsigned long long)number);
    add_word(w, text);
}

static void add_key(struct sim *s, struct words *w, char type)
{
    static const char types[] = "hlszxt";
    char prefix[3] = {type == '?' ? types[sim_random(s, 6)] : type, ':', 0};
    add_number(w, prefix, sim_random(s, ZOO_KEYS));
}

static void add_long(struct sim *s, struct words *w)
{
    char text[6001];
    const size_t size = 1 + sim_random(s, sizeof(text) - 1);
    memset(text, 'a' + (int)sim_random(s, 26), size);
    text[size - 1] = 0;
    add_word(w, text);
}

static void add_token(struct sim *s, struct words *w, const char *token)
{
    if (token[0] == 'K' && token[1] != 0)
        add_key(s, w, token[1]);
    else if (strcmp(token, "F") == 0)
        add_number(w, "f", sim_random(s, ZOO_FIELDS));
    else if (strcmp(token, "V") == 0)
        add_number(w, "", sim_random(s, 100000));
    else if (strcmp(token, "N") == 0)
        add_number(w, "", sim_random(s, 80));
    else if (strcmp(token, "L") == 0)
        add_long(s, w);
    else if (strcmp(token, "M") == 0 || strcmp(token, "S") == 0)
        for (int i = 0; i < 50; i++) {
            add_number(w, "f", sim_random(s, ZOO_FIELDS));
            if (token[0] == 'M')
                add_number(w, "", sim_random(s, 1000));
        }
    else
        add_word(w, token);
}

static void choose_words(struct sim *s, struct words *w)
{
    char text[256];
    snprintf(text, sizeof(text), "%s", templates[sim_random(s, ARRAY_COUNT(templates))]);
    char *rest;
    char *token = strtok_r(text, " ", &rest);
    for (; token != NULL; token = strtok_r(NULL, " ", &rest))
        add_token(s, w, token);
    const uint8_t *data = buf_data(&w->memory);
    for (uint32_t i = 0; i < w->count; i++) {
        const size_t begin = i == 0 ? 0 : w->ends[i - 1];
        w->args[i] = bytes_of(data + begin, w->ends[i] - begin);
    }
}

bool sim_zoo_send(struct sim_node *n, struct sim_call *call)
{
    struct sim *s = n->sim;
    struct words w = {.count = 0};
    choose_words(s, &w);
    const struct command *command = command_find(w.args, w.count, NULL);
    const uint32_t never = CMD_LOCAL | CMD_NOT_YET;
    bool sent = false;
    if (command != NULL && !(command->flags & never) && command_arity_fits(command, w.count)) {
        const struct request r = {.kind = REQ_COMMAND, .args = w.args, .arg_count = w.count,
                                  .db = (uint8_t)(1 + sim_random(s, 2))};
        sent = sim_submit(n, call, &r, command->flags & CMD_READ ? WAY_READ : WAY_WRITE);
    }
    buf_clear(&w.memory);
    return sent;
}
