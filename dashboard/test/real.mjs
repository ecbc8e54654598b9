// The page in Chromium against a real cluster, which utils/start-cluster.sh makes in a directory of its own.
// Each check prints ok or FAIL; the last line is the sum. The server has to be built (utils/build.sh).
// Usage: npm run test:real   (PORT: the client port of node 1, default 9101; HTTP is at PORT + 1000,
// peers at PORT + 10000, below the ports of outgoing connections)

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { attend, CHROMIUM, end, expect, fail, pause, VIEWPORT } from './page.mjs';

const SCRIPT = fileURLToPath(new URL('../../utils/start-cluster.sh', import.meta.url));
const port = Number(process.env.PORT ?? 9101);
const home = mkdtempSync(join(tmpdir(), 'avow-real-'));
const cluster = (...words) => execFileSync(SCRIPT, ['--dir', join(home, 'cluster'), ...words], { encoding: 'utf8', timeout: 300_000 });
const origins = [1, 2, 3].map((id) => `http://127.0.0.1:${port + 1000 + id - 1}`);

let page;
const leaderShown = async () => Number(await page.getAttribute('.verdict', 'data-leader'));
async function lastReply() {
  await page.waitForSelector('.exchange:first-of-type pre');
  return page.textContent('.exchange:first-of-type pre');
}

// INCR at one node, one after the other, until it is told to end: the last number that was answered.
function counter(id) {
  const socket = connect(port + id - 1, '127.0.0.1');
  const state = { last: 0, refused: 0, ends: false };
  const ask = () => (state.ends ? socket.destroy() : socket.write('INCR counted\r\n'));
  socket.on('data', (data) => {
    const text = data.toString();
    if (text.startsWith(':')) state.last = Number(text.slice(1));
    else state.refused++;
    ask();
  });
  socket.on('error', () => undefined);
  ask();
  return state;
}

// A write at one node 25 times a second, whether those before are answered or not, until it is stopped: some of them
// while it is cut off and leads still, and not more of them than the log's view has rows (40).
function drip(id) {
  const socket = connect(port + id - 1, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.on('data', () => undefined);
  const timer = setInterval(() => socket.write('SET dripped here\r\n'), 40);
  return () => (clearInterval(timer), socket.destroy());
}

try {
  const told = cluster('--base-port', String(port), '--dashboard', '--chaos');
  expect(told.includes(`dashboard: ${origins[0]}`), `start-cluster does not say where the page is:\n${told}`);
  const browser = await chromium.launch(CHROMIUM);
  page = await browser.newPage({ viewport: VIEWPORT });
  const { check, fitsAPhone, heartbeats, nothingForeign, pauseStepAndLive, send, shot, until, view } =
    attend(page, { origins, prefix: 'real-', patienceMs: 10_000 });
  const anotherLeads = (old, limitMs) => until((id) => {
    const leader = Number(document.querySelector('.verdict').dataset.leader);
    return leader > 0 && leader !== id;
  }, old, limitMs);
  await page.goto(origins[0]);

  await check('three nodes and their leader are shown', async () => {
    await until(() => Number(document.querySelector('.verdict')?.dataset.leader) > 0);
    await until(() => document.querySelectorAll('.node[data-role="leader"]').length === 1);
    await until(() => document.querySelectorAll('.node[data-role="follower"]').length === 2);
    await page.waitForSelector('.verdict.good');
    await shot('overview');
  });

  await check('commands of the console are executed by the cluster', async () => {
    await view('console');
    for (let i = 1; i <= 9; i++) {
      await send(`SET key:${i} "value ${i}"`);
      await until((n) => document.querySelectorAll('.exchange pre').length === n, i);
      expect((await lastReply()).includes('OK'), await lastReply());
    }
    const steps = await page.$$eval('.exchange:first-of-type .steps b', (list) => list.map((b) => b.textContent));
    expect(['received', 'proposed', 'committed', 'applied', 'answered'].every((s) => steps.includes(s)), `steps: ${steps}`);
    await until(() => [1, 2, 3].every((id) => document.querySelector('.exchange:first-of-type .steps').textContent.includes(`persisted on node ${id}`)));
    await shot('steps');
    await send('GET key:3');
    await until(() => document.querySelectorAll('.exchange pre').length === 10);
    expect((await lastReply()).includes('value 3'), await lastReply());
    await send('LPUSH key:3 x');
    await page.waitForSelector('.exchange:has-text("WRONGTYPE")');
    await send('BLPOP nothing 0');
    await page.waitForSelector('.exchange:has-text("redis-cli")');
    await shot('console');
  });

  await check('logs stand side by side and keys are found', async () => {
    await view('log');
    await page.waitForSelector('td.entry:has-text("SET key:9")');
    await shot('log');
    await view('data');
    await page.click('button.plain:has-text("key:3")');
    await page.waitForSelector('.value td:has-text("value 3")');
    await shot('data');
  });

  await check('a value of each type is shown, with its size and when it expires', async () => {
    await view('console');
    const values = [
      ['HSET of:hash field "in a hash"', 'of:hash', 'hash', 'in a hash'], ['RPUSH of:list "in a list"', 'of:list', 'list', 'in a list'],
      ['SADD of:set "in a set"', 'of:set', 'set', 'in a set'], ['ZADD of:zset 2.5 "in a sorted set"', 'of:zset', 'zset', '2.5'],
      ['XADD of:stream * field "in a stream"', 'of:stream', 'stream', 'in a stream'],
    ];
    for (const [line] of [...values, ['EXPIRE of:hash 5000']]) {
      await send(line);
      await page.waitForSelector(`.exchange:has(code:text-is(${JSON.stringify(line)})) pre`);
    }
    await view('data');
    await page.fill('#pattern', 'of:*');
    await page.press('#pattern', 'Enter');
    await until(() => document.querySelectorAll('.data tbody tr').length === 5);
    for (const [, key, type, told] of values) {
      const row = await page.textContent(`.data tr:has(button:text-is("${key}"))`);
      expect(row.includes(type) && row.includes(key === 'of:hash' ? 'in 1 h' : 'never') && / B$/.test(row), row);
      await page.click(`button.plain:text-is("${key}")`);
      await page.waitForSelector(`.value:has(h2 code:text-is("${key}")) td:has-text("${told}")`);
    }
    await shot('types');
  });

  await check('keys choose views; a message tells its term and index, kinds are hidden, time runs slower', async () => {
    await page.click('h1, .verdict');
    for (const [key, name] of [['3', 'log'], ['6', 'chaos'], ['1', 'overview'], ['2', 'raft']]) {
      await page.keyboard.press(key);
      await until((hash) => location.hash === hash, `#${name}`);
    }
    await page.selectOption('.transport select', { label: '1/5 speed' });
    await page.waitForSelector('.ring .message[data-kind="heartbeat"]');
    await page.keyboard.press(' ');
    await page.waitForSelector('.transport[data-paused="true"]');
    await page.hover('.ring .message[data-kind="heartbeat"] .reach', { force: true });
    await page.waitForSelector('.tip');
    const tip = await page.textContent('.tip');
    expect(/term \d+ · index \d+/.test(tip), tip);
    await shot('tip');
    await page.click('.legend label:has-text("heartbeat") input');
    await until(() => document.querySelectorAll('.ring .message[data-kind^="heartbeat"]').length === 0);
    await page.click('.legend label:has-text("heartbeat") input');
    await page.click('.transport button:text-is("Live")');
    await page.evaluate(() => document.activeElement.blur()); // keys are the page's again
    await page.waitForSelector('.transport[data-paused="false"]');
  });

  await check('each heartbeat that was told is drawn', async () => {
    await view('raft');
    await page.waitForSelector('.message[data-kind="heartbeat"]');
    const result = await heartbeats();
    console.log(`      ${result.told} told, ${result.drawn} drawn`);
    expect(result.told >= 60, `only ${result.told} heartbeats were told in three seconds`);
    expect(result.drawn >= result.told * 0.9 - 8, `${result.told} told, ${result.drawn} drawn`);
    await shot('raft');
  });

  await check('pause stands still, a step goes to another moment, live returns', pauseStepAndLive);

  await check('the leader is killed: a new one on the page within two seconds, no acknowledged write is lost', async () => {
    await view('raft');
    const dead = await leaderShown();
    const count = counter([1, 2, 3].find((id) => id !== dead));
    await pause(500);
    cluster('--kill', String(dead));
    const ms = await anotherLeads(dead, 2000);
    console.log(`      after ${ms} ms`);
    await page.waitForSelector('.happenings li.leader');
    await shot('election');
    const before = count.last;
    await pause(1500);
    expect(count.last > before, 'no write was acknowledged after it');
    count.ends = true;
    await pause(300);
    expect(count.refused === 0, `${count.refused} writes were refused`);
    cluster('--start', String(dead));
    await view('overview');
    await until(() => document.querySelectorAll('.node[data-role="follower"]').length === 2);
    await view('console');
    await send('GET counted');
    await page.waitForSelector('.exchange:has-text("GET counted") pre');
    const there = Number((await lastReply()).replaceAll('"', ''));
    expect(there === count.last || there === count.last + 1, `${count.last} was acknowledged, ${there} is there`);
  });

  await check('the leader is killed by a click, and comes back', async () => {
    await view('chaos');
    const dead = await leaderShown();
    await page.click(`article[data-node="${dead}"] button.danger`);
    const ms = await anotherLeads(dead, 2000);
    console.log(`      after ${ms} ms`);
    await view('console');
    await send('SET while gone');
    await page.waitForSelector('.exchange:has-text("while gone") pre:has-text("OK")');
    await view('log'); // in the column of the dead node its entry is missing, and comes when that is back
    await until(() => [...document.querySelectorAll('.log tbody tr')].some((row) =>
      row.querySelectorAll('td.entry').length === 2 && row.textContent.includes('SET while gone')));
    await shot('behind');
    await view('chaos');
    await page.click(`article[data-node="${dead}"] button:has-text("Start")`);
    await page.waitForSelector(`article[data-node="${dead}"] .role.follower`);
    await page.waitForSelector('.verdict.good');
    await view('log');
    await until(() => [...document.querySelectorAll('.log tbody tr')].some((row) =>
      row.querySelectorAll('td.entry').length === 3 && row.textContent.split('SET while gone').length > 3));
    await shot('came-back');
  });

  await check('a node is paused and goes on by clicks', async () => {
    const leader = await leaderShown();
    await view('chaos');
    await page.click(`article[data-node="${leader}"] button:has-text("Pause")`);
    await anotherLeads(leader);
    await page.waitForSelector(`article[data-node="${leader}"] .role.no-answer`);
    expect(cluster('--status').includes('paused'), cluster('--status'));
    await shot('paused');
    await page.click(`article[data-node="${leader}"] button:has-text("Resume")`);
    await page.waitForSelector(`article[data-node="${leader}"] .role.follower`);
    await page.waitForSelector('.verdict.good');
  });

  await check('the leader is isolated by a click, another takes over, healing brings all back', async () => {
    await view('chaos');
    const before = await leaderShown();
    const stopDripping = drip(before); // what it takes now, and can tell nobody, will be replaced
    await page.click('button:has-text("Isolate the leader")');
    const ms = await anotherLeads(before);
    console.log(`      after ${ms} ms`);
    await shot('isolated');
    stopDripping();
    await view('log'); // where the nodes differ, and after it is healed: what was replaced
    await page.waitForSelector('td.entry.differs');
    await shot('conflict');
    await view('chaos');
    await page.click('button:has-text("Heal all")');
    await page.waitForSelector('.verdict.good');
    await until(() => document.querySelectorAll('.role.follower').length === 2);
    await view('log');
    await page.waitForSelector('.replaced li');
    await shot('replaced');
    await view('chaos');
  });

  await check('leadership is handed over by a click', async () => {
    const before = await leaderShown();
    const next = [1, 2, 3].find((id) => id !== before);
    await page.click(`article[data-node="${next}"] button:has-text("Make leader")`);
    await until((id) => Number(document.querySelector('.verdict').dataset.leader) === id, next);
  });

  await check('the node that served the page dies: the page goes on, and writes too', async () => {
    cluster('--kill', '1');
    await until((dead) => document.querySelector('footer').dataset.speaking !== dead, origins[0]);
    await view('console');
    await send('SET after death');
    await page.waitForSelector('.exchange:has-text("after death") pre:has-text("OK")');
  });

  await check('it says plainly when there is no quorum', async () => {
    cluster('--kill', '2');
    await page.waitForSelector('.verdict.bad:has-text("No quorum")');
    await shot('no-quorum');
    cluster('--start', '1');
    cluster('--start', '2');
    await page.waitForSelector('.verdict.good');
  });

  await check('at the width of a phone nothing is wider than the screen', () => fitsAPhone());

  await check('a password is set: the page asks for it, and is let in', async () => {
    await page.setViewportSize(VIEWPORT);
    await view('console');
    await send('CONFIG SET requirepass secret');
    await page.waitForSelector('input[type="password"]');
    await shot('login');
    await page.fill('input[type="password"]', 'wrong');
    await page.press('input[type="password"]', 'Enter');
    await page.waitForSelector('[role="alert"], .trouble');
    await page.fill('input[type="password"]', 'secret');
    await page.press('input[type="password"]', 'Enter');
    await until(() => document.querySelectorAll('.node, .exchange, #line').length > 0);
    await view('overview');
    await page.waitForSelector('.verdict.good');
  });

  await nothingForeign();
  await browser.close();
} catch (error) {
  fail(error);
} finally {
  cluster('--clean');
  rmSync(home, { recursive: true, force: true });
}
end();
