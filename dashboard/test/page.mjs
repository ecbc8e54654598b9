// What the tests of the page in Chromium share: the browser, checks that print ok or FAIL, eyes and hands on the page.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SHOTS = fileURLToPath(new URL('../shots', import.meta.url));
mkdirSync(SHOTS, { recursive: true });

export const VIEWPORT = { width: 1200, height: 860 };
export const CHROMIUM = {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
};

let passed = 0;
let failed = 0;
export function fail(error, name) {
  failed++;
  console.log(`FAIL  ${name ? `${name}: ` : ''}${error instanceof Error ? error.message : error}`);
}
export function end() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}
export function expect(condition, what) {
  if (!condition) throw new Error(what);
}
export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// origins: of the nodes; nothing may come from elsewhere. prefix: of the screenshots' names.
export function attend(page, { origins, prefix = '', patienceMs }) {
  const complaints = [];
  const strangers = [];
  page.setDefaultTimeout(patienceMs);
  page.on('console', (message) => message.text().includes('Content Security Policy') && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => origins.some((o) => request.url().startsWith(o)) || strangers.push(request.url()));

  const shot = (name) => page.screenshot({ path: join(SHOTS, `${prefix}${name}.png`) });
  async function check(name, run) {
    try {
      await run();
      passed++;
      console.log(`ok    ${name}`);
    } catch (error) {
      fail(error, name);
      await shot(`failed-${failed}`).catch(() => undefined);
    }
  }
  // As page.waitForFunction, which the content policy forbids. What it took, in milliseconds.
  async function until(holds, argument, limitMs = patienceMs) {
    const began = Date.now();
    while (!(await page.evaluate(holds, argument))) {
      expect(Date.now() - began < limitMs, `not within ${limitMs} ms: ${holds}`);
      await pause(20);
    }
    return Date.now() - began;
  }
  const view = (name) => page.click(`nav a[href="#${name}"]`);
  async function send(line) {
    await page.fill('#line', line);
    await page.press('#line', 'Enter');
  }

  // Of three seconds, in the view raft: how many heartbeats the page was told of, and how many it drew.
  const heartbeats = () => page.evaluate(async () => {
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
  // In the view raft. back, forward: what is looked at after the step.
  async function pauseStepAndLive({ back = () => undefined, forward = () => undefined } = {}) {
    const transport = (what) => page.getAttribute('.transport', `data-${what}`);
    await page.keyboard.press(' ');
    await page.waitForSelector('.transport[data-paused="true"]');
    const at = await transport('at');
    await pause(400);
    expect((await transport('at')) === at, 'it went on');
    await page.keyboard.press('ArrowLeft');
    await until((old) => Number(document.querySelector('.transport').dataset.at) < Number(old), at);
    await back();
    const earlier = await transport('at');
    await page.keyboard.press('ArrowRight');
    await until((old) => Number(document.querySelector('.transport').dataset.at) > Number(old), earlier);
    await forward();
    await page.keyboard.press('l');
    await page.waitForSelector('.transport[data-paused="false"]');
  }
  async function fitsAPhone(looked = () => undefined) {
    await page.setViewportSize({ width: 375, height: 780 });
    for (const name of ['overview', 'raft', 'log', 'console', 'data', 'chaos']) {
      await view(name);
      await pause(500);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(wide <= 375, `${name} is ${wide} wide`);
      await looked(name);
    }
  }
  const nothingForeign = () => check('no error, no breach of the content policy, nothing from elsewhere', async () => {
    expect(complaints.length === 0, complaints.join('; '));
    expect(strangers.length === 0, strangers.join('; '));
  });
  return { check, fitsAPhone, heartbeats, nothingForeign, pauseStepAndLive, send, shot, until, view };
}
