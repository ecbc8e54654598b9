// The page in Chromium against a real cluster, which utils/start-cluster.sh makes in a directory of its own.
// Each check prints ok or FAIL; the last line is the sum. The server has to be built (utils/build.sh).
// Usage: npm run test:real   (PORT: the client port of node 1, default 24101; HTTP is at PORT + 1000)

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const SCRIPT = fileURLToPath(new URL('../../utils/start-cluster.sh', import.meta.url));
const SHOTS = fileURLToPath(new URL('../shots', import.meta.url));
const port = Number(process.env.PORT ?? 24101);
const home = mkdtempSync(join(tmpdir(), 'avow-real-'));
const cluster = (...words) => execFileSync(SCRIPT, ['--dir', join(home, 'cluster'), ...words], { encoding: 'utf8', timeout: 300_000 });
const origins = [1, 2, 3].map((id) => `http://127.0.0.1:${port + 1000 + id - 1}`);
mkdirSync(SHOTS, { recursive: true });

let passed = 0;
let failed = 0;
let page;
async function check(name, run) {
  try {
    await run();
    passed++;
    console.log(`ok    ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL  ${name}: ${error instanceof Error ? error.message : error}`);
    await page?.screenshot({ path: join(SHOTS, `real-failed-${failed}.png`) }).catch(() => undefined);
  }
}
function expect(condition, what) {
  if (!condition) throw new Error(what);
}
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const view = (name) => page.click(`nav a[href="#${name}"]`);
const shot = (name) => page.screenshot({ path: join(SHOTS, `real-${name}.png`) });
const leaderShown = async () => Number(await page.getAttribute('.verdict', 'data-leader'));
async function until(holds, argument, patienceMs = 10_000) {
  const began = Date.now();
  while (!(await page.evaluate(holds, argument))) {
    expect(Date.now() - began < patienceMs, `not within ${patienceMs} ms: ${holds}`);
    await pause(20);
  }
  return Date.now() - began;
}
async function send(line) {
  await page.fill('#line', line);
  await page.press('#line', 'Enter');
}
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

try {
  const told = cluster('--base-port', String(port), '--dashboard', '--chaos');
  expect(told.includes(`dashboard: ${origins[0]}`), `start-cluster does not say where the page is:\n${told}`);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  page = await browser.newPage({ viewport: { width: 1200, height: 860 } });
  page.setDefaultTimeout(10_000);
  const complaints = [];
  page.on('console', (message) => message.text().includes('Content Security Policy') && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  const strangers = [];
  page.on('request', (request) => origins.some((o) => request.url().startsWith(o)) || strangers.push(request.url()));
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

  await check('each heartbeat that was told is drawn', async () => {
    await view('raft');
    await page.waitForSelector('.message[data-kind="heartbeat"]');
    const result = await page.evaluate(async () => {
      const drawn = new Set();
      const told = () => Number(document.querySelector('.raft').dataset.heartbeats);
      const before = told();
      const until = performance.now() + 3000;
      while (performance.now() < until) {
        await new Promise(requestAnimationFrame);
        for (const m of document.querySelectorAll('.ring .message[data-kind="heartbeat"]')) drawn.add(m.dataset.seq);
      }
      return { told: told() - before, drawn: drawn.size };
    });
    console.log(`      ${result.told} told, ${result.drawn} drawn`);
    expect(result.told >= 60, `only ${result.told} heartbeats were told in three seconds`);
    expect(result.drawn >= result.told * 0.9 - 8, `${result.told} told, ${result.drawn} drawn`);
    await shot('raft');
  });

  await check('pause stands still, a step goes to another moment, live returns', async () => {
    const transport = (what) => page.getAttribute('.transport', `data-${what}`);
    await page.keyboard.press(' ');
    await page.waitForSelector('.transport[data-paused="true"]');
    const at = await transport('at');
    await pause(400);
    expect((await transport('at')) === at, 'it went on');
    await page.keyboard.press('ArrowLeft');
    await until((old) => Number(document.querySelector('.transport').dataset.at) < Number(old), at);
    const back = await transport('at');
    await page.keyboard.press('ArrowRight');
    await until((old) => Number(document.querySelector('.transport').dataset.at) > Number(old), back);
    await page.keyboard.press('l');
    await page.waitForSelector('.transport[data-paused="false"]');
  });

  await check('the leader is killed: a new one on the page within two seconds, no acknowledged write is lost', async () => {
    await view('raft');
    const dead = await leaderShown();
    const count = counter([1, 2, 3].find((id) => id !== dead));
    await pause(500);
    cluster('--kill', String(dead));
    const ms = await until((old) => { const l = Number(document.querySelector('.verdict').dataset.leader); return l > 0 && l !== old; }, dead, 2000);
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
    const ms = await until((old) => { const l = Number(document.querySelector('.verdict').dataset.leader); return l > 0 && l !== old; }, dead, 2000);
    console.log(`      after ${ms} ms`);
    cluster('--start', String(dead));
    await page.waitForSelector('.verdict.good');
  });

  await check('the leader is isolated by a click, another takes over, healing brings all back', async () => {
    await view('chaos');
    const before = await leaderShown();
    await page.click('button:has-text("Isolate the leader")');
    const ms = await until((old) => { const l = Number(document.querySelector('.verdict').dataset.leader); return l > 0 && l !== old; }, before);
    console.log(`      after ${ms} ms`);
    await shot('isolated');
    await page.click('button:has-text("Heal all")');
    await page.waitForSelector('.verdict.good');
    await until(() => document.querySelectorAll('.role.follower').length === 2);
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

  await check('at the width of a phone nothing is wider than the screen', async () => {
    await page.setViewportSize({ width: 375, height: 780 });
    for (const name of ['overview', 'raft', 'log', 'console', 'data', 'chaos']) {
      await view(name);
      await pause(500);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(wide <= 375, `${name} is ${wide} wide`);
    }
  });

  await check('a password is set: the page asks for it, and is let in', async () => {
    await page.setViewportSize({ width: 1200, height: 860 });
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

  await check('no error, no breach of the content policy, nothing from elsewhere', async () => {
    expect(complaints.length === 0, complaints.join('; '));
    expect(strangers.length === 0, strangers.join('; '));
  });
  await browser.close();
} catch (error) {
  failed++;
  console.log(`FAIL  ${error instanceof Error ? error.message : error}`);
} finally {
  cluster('--clean');
  rmSync(home, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
