// The page in Chromium against the mock cluster. Each check prints ok or FAIL; the last line is the sum.
// Usage: npm run test:browser   (PORT: the port before the first node's, default 25100)

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { startMock } from './mock/server.mjs';

const SHOTS = fileURLToPath(new URL('../shots', import.meta.url));
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];
mkdirSync(SHOTS, { recursive: true });

const mock = await startMock(Number(process.env.PORT ?? 25100));
const profile = mkdtempSync(join(tmpdir(), 'avow-browser-'));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: flags, viewport: { width: 1200, height: 860 },
});
const page = await context.newPage();
page.setDefaultTimeout(5000);
const complaints = [];
page.on('console', (message) => message.text().includes('Content Security Policy') && complaints.push(message.text()));
page.on('pageerror', (error) => complaints.push(String(error)));
const strangers = [];
page.on('request', (request) => mock.origins.some((o) => request.url().startsWith(o)) || strangers.push(request.url()));

let passed = 0;
let failed = 0;
async function check(name, run) {
  try {
    await run();
    passed++;
    console.log(`ok    ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL  ${name}: ${error instanceof Error ? error.message : error}`);
    await page.screenshot({ path: join(SHOTS, `failed-${failed}.png`) }).catch(() => undefined);
  }
}
function expect(condition, what) {
  if (!condition) throw new Error(what);
}
const view = (name) => page.click(`nav a[href="#${name}"]`);
const shot = (name) => page.screenshot({ path: join(SHOTS, `${name}.png`) });
const leaderShown = () => page.getAttribute('.verdict', 'data-leader');
const leaderIs = (id) => page.waitForSelector(`.verdict[data-leader="${id}"]`);
const transport = (what) => page.getAttribute('.transport', `data-${what}`);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
// As page.waitForFunction, which the content policy forbids. What it took, in milliseconds.
async function until(holds, argument, patienceMs = 5000) {
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

await page.goto(mock.origins[0]);
await check('the leader is shown, on its card too', async () => {
  await leaderIs(1);
  await page.waitForSelector('.node[data-node="1"][data-role="leader"]');
  await until(() => document.querySelectorAll('.node[data-role="follower"]').length === 2);
  await shot('overview-light');
});

await check('a write is followed through its steps', async () => {
  await view('console');
  for (let i = 1; i <= 9; i++) await send(`SET key:${i} "value ${i}"`);
  await until(() => document.querySelectorAll('.exchange .steps').length === 9);
  const steps = await page.$$eval('.exchange:first-of-type .steps b', (list) => list.map((b) => b.textContent));
  expect(steps.join() === 'received,proposed,persisted,committed,applied,answered', `steps: ${steps}`);
  await shot('console-light');
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
  expect(result.told >= 20, `only ${result.told} heartbeats were told`);
  expect(result.drawn >= result.told - 8, `${result.told} told, ${result.drawn} drawn (8 may not have started yet)`);
});

await check('pause stands still, a step goes to another moment, live returns', async () => {
  await page.keyboard.press(' ');
  await page.waitForSelector('.transport[data-paused="true"]');
  const at = await transport('at');
  await pause(400);
  expect((await transport('at')) === at, 'it went on');
  await page.keyboard.press('ArrowLeft');
  await until((old) => Number(document.querySelector('.transport').dataset.at) < Number(old), at);
  expect((await page.$$('.ring .message')).length > 0, 'nothing in the air after a step');
  const back = await transport('at');
  await page.keyboard.press('ArrowRight');
  await until((old) => Number(document.querySelector('.transport').dataset.at) > Number(old), back);
  await shot('raft-light');
  await page.keyboard.press('l');
  await page.waitForSelector('.transport[data-paused="false"]');
});

await check('logs stand side by side and keys are found', async () => {
  await view('log');
  await page.waitForSelector('td.entry:has-text("SET key:9")');
  await shot('log-light');
  await view('data');
  await page.click('button.plain:has-text("key:3")');
  await page.waitForSelector('.value td:has-text("value 3")');
});

await check('the serving node, the leader, is killed by a click: a new leader within two seconds', async () => {
  await view('chaos');
  await page.click('article[data-node="1"] button.danger');
  const ms = await until(() => ['2', '3'].includes(document.querySelector('.verdict').dataset.leader), null, 2000);
  console.log(`      after ${ms} ms`);
});

await check('the page goes on through another node, and writes too', async () => {
  await until((dead) => document.querySelector('footer').dataset.speaking !== dead, mock.origins[0]);
  await view('console');
  await send('SET after death');
  await page.waitForSelector('.exchange:has-text("after death") pre:has-text("OK")');
});

await check('the killed node comes back by a click', async () => {
  await view('chaos');
  await page.click('article[data-node="1"] button:has-text("Start")');
  await page.waitForSelector('article[data-node="1"] .role.follower');
});

await check('the leader is isolated, another takes over, healing brings all back', async () => {
  const before = await leaderShown();
  await page.click('button:has-text("Isolate the leader")');
  await until((old) => ![old, ''].includes(document.querySelector('.verdict').dataset.leader), before);
  await view('raft');
  await page.waitForSelector('.happenings li.leader');
  await shot('raft-election');
  await view('chaos');
  await page.click('button:has-text("Heal all")');
  await until(() => document.querySelectorAll('.role.follower').length === 2);
});

await check('it says plainly when there is no quorum', async () => {
  for (const id of [1, 2]) await page.click(`article[data-node="${id}"] button.danger`);
  await page.waitForSelector('.verdict.bad:has-text("No quorum")');
  for (const id of [1, 2]) await page.click(`article[data-node="${id}"] button:has-text("Start")`);
  await page.waitForSelector('.verdict.good');
});

await check('dark, and at the width of a phone nothing is wider than the screen', async () => {
  await page.emulateMedia({ colorScheme: 'dark' });
  await view('raft');
  await pause(800);
  await shot('raft-dark');
  await page.setViewportSize({ width: 375, height: 780 });
  for (const name of ['overview', 'raft', 'log', 'console', 'data', 'chaos']) {
    await view(name);
    await pause(300);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(wide <= 375, `${name} is ${wide} wide`);
    await shot(`phone-${name}`);
  }
});

await check('no error, no breach of the content policy, nothing from elsewhere', async () => {
  expect(complaints.length === 0, complaints.join('; '));
  expect(strangers.length === 0, strangers.join('; '));
});

await context.close();
mock.close();
rmSync(profile, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
