// The page in Chromium against the mock cluster. Each check prints ok or FAIL; the last line is the sum.
// Usage: npm run test:browser   (PORT: the port before the first node's, default 25100)

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { startMock } from './mock/server.mjs';
import { attend, CHROMIUM, end, expect, pause, VIEWPORT } from './page.mjs';

const mock = await startMock(Number(process.env.PORT ?? 25100));
const profile = mkdtempSync(join(tmpdir(), 'avow-browser-'));
const context = await chromium.launchPersistentContext(profile, { ...CHROMIUM, viewport: VIEWPORT });
const page = await context.newPage();
const { check, fitsAPhone, heartbeats, nothingForeign, pauseStepAndLive, send, shot, until, view } =
  attend(page, { origins: mock.origins, patienceMs: 5000 });
const leaderShown = () => page.getAttribute('.verdict', 'data-leader');
const leaderIs = (id) => page.waitForSelector(`.verdict[data-leader="${id}"]`);

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
  await page.waitForSelector('.exchange:first-of-type .note:has-text("did not say")'); // the mock has no disks
  await shot('console-light');
});

await check('each heartbeat that was told is drawn', async () => {
  await view('raft');
  await page.waitForSelector('.message[data-kind="heartbeat"]');
  const result = await heartbeats();
  expect(result.told >= 20, `only ${result.told} heartbeats were told`);
  expect(result.drawn >= result.told - 8, `${result.told} told, ${result.drawn} drawn (8 may not have started yet)`);
});

await check('pause stands still, a step goes to another moment, live returns', () => pauseStepAndLive({
  back: async () => expect((await page.$$('.ring .message')).length > 0, 'nothing in the air after a step'),
  forward: () => shot('raft-light'),
}));

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
  await fitsAPhone((name) => shot(`phone-${name}`));
});

await nothingForeign();

await context.close();
mock.close();
rmSync(profile, { recursive: true, force: true });
end();
