// tour_ioredis.js -- ioredis against three nodes: each part writes through one and reads through another.
'use strict';
const assert = require('assert');
const Redis = require('ioredis');
const {part, take, ports} = require('./tour');

part('strings', async ([a, b, c]) => {
  assert.strictEqual(await a.set('s', 'one', 'EX', 100, 'NX'), 'OK');
  assert.strictEqual(await b.set('s', 'two', 'NX'), null);
  assert.strictEqual(await c.get('s'), 'one');
  assert.strictEqual(await b.append('s', '!'), 4);
  assert.ok(await a.ttl('s') > 90);
  assert.deepStrictEqual(await a.mset('m1', '1', 'm2', '2'), 'OK');
  assert.deepStrictEqual(await b.mget('m1', 'none', 'm2'), ['1', null, '2']);
  assert.strictEqual(await c.incrby('n', 41), 41);
  assert.strictEqual(await a.incrbyfloat('n', 0.5), '41.5');
  const bytes = Buffer.from([0, 255, 13, 10, 0]);
  await b.set('bytes', bytes);
  assert.ok((await c.getBuffer('bytes')).equals(bytes));
  const big = 'x'.repeat(3 << 20);
  await a.set('big', big);
  assert.strictEqual(await c.get('big'), big);
});

part('hashes', async ([a, b]) => {
  assert.strictEqual(await a.hset('h', {name: 'ann', age: 30}), 2);
  assert.deepStrictEqual(await b.hgetall('h'), {name: 'ann', age: '30'});
  assert.strictEqual(await b.hincrby('h', 'age', 2), 32);
  assert.deepStrictEqual(await a.hmget('h', 'age', 'none'), ['32', null]);
  const seen = [];
  for await (const items of b.hscanStream('h'))
    seen.push(...items);
  assert.deepStrictEqual(seen.sort(), ['32', 'age', 'ann', 'name']);
});

part('lists', async ([a, b]) => {
  assert.strictEqual(await a.rpush('l', 'a', 'b', 'c'), 3);
  assert.deepStrictEqual(await b.lrange('l', 0, -1), ['a', 'b', 'c']);
  assert.strictEqual(await b.lmove('l', 'l2', 'LEFT', 'RIGHT'), 'a');
  assert.strictEqual(await a.lpos('l', 'c'), 1);
  assert.deepStrictEqual(await a.rpop('l', 2), ['c', 'b']);
});

part('sets', async ([a, b]) => {
  await a.sadd('set1', 'a', 'b', 'c');
  await b.sadd('set2', 'b', 'c', 'd');
  assert.deepStrictEqual((await b.sinter('set1', 'set2')).sort(), ['b', 'c']);
  assert.strictEqual(await a.sdiffstore('set3', 'set1', 'set2'), 1);
  assert.deepStrictEqual(await b.smembers('set3'), ['a']);
  assert.deepStrictEqual(await a.smismember('set1', 'a', 'z'), [1, 0]);
});

part('zsets', async ([a, b]) => {
  assert.strictEqual(await a.zadd('z', 1, 'one', 2, 'two', 3.5, 'three'), 3);
  assert.deepStrictEqual(await b.zrange('z', 0, -1, 'WITHSCORES'), ['one', '1', 'two', '2', 'three', '3.5']);
  assert.strictEqual(await b.zrank('z', 'three'), 2);
  assert.deepStrictEqual(await a.zrangebyscore('z', '(1', '+inf', 'LIMIT', 0, 1), ['two']);
  assert.deepStrictEqual(await a.zpopmax('z'), ['three', '3.5']);
});

part('streams', async ([a, b]) => {
  const id = await a.xadd('x', '*', 'field', 'value');
  assert.deepStrictEqual(await b.xrange('x', '-', '+'), [[id, ['field', 'value']]]);
  assert.deepStrictEqual(await b.xread('COUNT', 1, 'STREAMS', 'x', '0'), [['x', [[id, ['field', 'value']]]]]);
  assert.strictEqual(await a.xlen('x'), 1);
});

part('stream-groups', async ([a, b]) => {
  assert.strictEqual(await a.xgroup('CREATE', 'xg', 'g', '$', 'MKSTREAM'), 'OK');
  const id = await b.xadd('xg', '*', 'k', 'v');
  assert.deepStrictEqual(await a.xreadgroup('GROUP', 'g', 'me', 'STREAMS', 'xg', '>'), [['xg', [[id, ['k', 'v']]]]]);
  assert.strictEqual(await b.xack('xg', 'g', id), 1);
});

part('transactions', async ([a, b]) => {
  assert.deepStrictEqual(await a.multi().set('t', '1').incr('t').get('t').exec(),
                         [[null, 'OK'], [null, 2], [null, '2']]);
  await a.watch('t');
  await b.set('t', 'changed');
  assert.strictEqual(await a.multi().set('t', 'lost').exec(), null);
  assert.strictEqual(await b.get('t'), 'changed');
  const [[error], [none, kept]] = await b.multi().incr('t').get('t').exec();
  assert.match(error.message, /not an integer/);
  assert.strictEqual(none, null);
  assert.strictEqual(kept, 'changed');
  await assert.rejects(a.multi().call('NOSUCHCOMMAND').exec(), /EXECABORT/);
});

part('pipelines', async ([a, b]) => {
  const pipeline = a.pipeline();
  for (let i = 0; i < 1000; i++)
    pipeline.set(`p:${i}`, i).get(`p:${i}`);
  const replies = await pipeline.exec();
  assert.strictEqual(replies.length, 2000);
  replies.forEach(([error, reply], i) => {
    assert.strictEqual(error, null);
    assert.strictEqual(reply, i % 2 === 0 ? 'OK' : String((i - 1) / 2));
  });
  const all = await Promise.all(Array.from({length: 1000}, (_, i) => b.get(`p:${i}`)));
  all.forEach((value, i) => assert.strictEqual(value, String(i)));
  let count = 0;
  for await (const keys of b.scanStream({match: 'p:*', count: 100}))
    count += keys.length;
  assert.strictEqual(count, 1000);
});

part('errors', async ([a]) => {
  await a.lpush('list', 'x');
  await assert.rejects(a.get('list'), /WRONGTYPE/);
  await assert.rejects(a.call('NOSUCHCOMMAND'), /unknown command/);
});

part('blocking', async ([a, b]) => {
  const waiting = b.duplicate();
  try {
    const popped = waiting.blpop('queue', 20);
    popped.catch(() => {});
    await waiting.ping.call(a);
    await a.rpush('queue', 'job');
    assert.deepStrictEqual(await popped, ['queue', 'job']);
  } finally {
    waiting.disconnect();
  }
});

part('scripts', async ([a, b]) => {
  a.defineCommand('addTwice', {numberOfKeys: 1, lua: "redis.call('INCRBY', KEYS[1], ARGV[1]); " +
                                                      "return redis.call('INCRBY', KEYS[1], ARGV[1])"});
  assert.strictEqual(await a.addTwice('scripted', 5), 10);
  assert.strictEqual(await b.get('scripted'), '10');
});

part('pub-sub', async ([a, b]) => {
  const listener = b.duplicate();
  try {
    const heard = new Promise((resolve) => listener.on('message', (channel, text) => resolve([channel, text])));
    await listener.subscribe('news');
    await a.publish('news', 'hello');
    assert.deepStrictEqual(await heard, ['news', 'hello']);
  } finally {
    listener.disconnect();
  }
});

async function main() {
  const clients = ports.map((port) => new Redis({port, host: '127.0.0.1', maxRetriesPerRequest: 3}));
  const failed = await take(clients);
  await Promise.all(clients.map((client) => client.quit()));
  process.exit(failed === 0 ? 0 : 1);
}

main();
