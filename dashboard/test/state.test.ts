// The rules of the page, without a browser.
import { describe, expect, it } from 'vitest';
import type { NodeView, StateEvent, WireMessage } from '../src/api/types';
import { peekCommand, tableOf } from '../src/state/browse';
import { type Cluster, FRESH_MS, leaderOf, needsLogin, newCluster, reduce, rows, verdict } from '../src/state/cluster';
import { addMessage, addState, emptyFilm, FILM_MS, happenings, messagesBetween, stateAt } from '../src/state/film';
import { legendKinds, termOf } from '../src/state/glossary';
import { addWindow, noLogs, sideBySide } from '../src/state/logs';
import { advance, atStart, BEHIND_MS, departure, FLIGHT_MS, flown, step } from '../src/state/playback';
import { render } from '../src/state/reply';
import { flightPoint, nodePoint } from '../src/state/ring';
import { shareOf, silent, wayOf } from '../src/state/steps';
import { words } from '../src/state/words';

const origin = (id: number) => `http://127.0.0.1:${8000 + id}`;

function view(id: number, more: Partial<NodeView> = {}): NodeView {
  return {
    now_us: 1_000_000, id, version: '1', uptime_s: 5, role: id === 1 ? 'leader' : 'follower', term: 3, leader: 1,
    has_quorum: true, commit_index: 9, last_applied: 9, log: { first: 1, last: 10, bytes: 500 }, health: [], ops_per_s: 0,
    members: [1, 2, 3].map((m) => ({ id: m, role: 'voter', host: 'h', port: 7000 + m, http: origin(m) })),
    ...more,
  };
}
const see = (c: Cluster, id: number, now: number, more?: Partial<NodeView>) =>
  reduce(c, { kind: 'seen', origin: origin(id), view: view(id, more), now });
const lose = (c: Cluster, id: number, now: number, status = 0) =>
  reduce(c, { kind: 'failed', origin: origin(id), status, trouble: 'no connection', now });
const all = () => [1, 2, 3].reduce((c, id) => see(c, id, 1000), newCluster([origin(1)]));

describe('cluster', () => {
  it('learns the other nodes from the first that answers', () => {
    expect(see(newCluster([origin(1)]), 1, 1000).seats.map((s) => s.origin)).toEqual([1, 2, 3].map(origin));
  });
  it('goes on with another node when the serving one dies, and stays there', () => {
    const dead = lose(all(), 1, 1100);
    expect(dead.speaking).toBe(origin(2));
    expect(see(dead, 1, 1200).speaking).toBe(origin(2));
  });
  it('prefers a node that has a quorum', () => {
    expect(lose(see(all(), 2, 1050, { has_quorum: false }), 1, 1100).speaking).toBe(origin(3));
  });
  it('says when there is no quorum, and when nobody answers', () => {
    const alone = lose(lose(see(all(), 3, 1050, { has_quorum: false }), 1, 1100), 2, 1100);
    expect(verdict(alone, 1100)).toMatchObject({ level: 'bad', text: 'No quorum' });
    expect(verdict(alone, 1100).detail).toContain('1 of 3 voters');
    expect(verdict(lose(alone, 3, 1200), 1200).text).toBe('No node answers');
  });
  it('believes the leader of the highest term, and no old view', () => {
    const two = see(all(), 2, 1100, { role: 'leader', term: 4 });
    expect(leaderOf(two, 1100)?.id).toBe(2);
    expect(leaderOf(two, 1101 + FRESH_MS)).toBeUndefined();
  });
  it('keeps the row of a dead member with what it said last', () => {
    const row = rows(lose(all(), 3, 1100), 1100).find((r) => r.id === 3);
    expect(row).toMatchObject({ up: false, lag: undefined });
    expect(row?.view?.term).toBe(3);
  });
  it('asks for a login only when refused for the lack of one', () => {
    expect(needsLogin(lose(newCluster([origin(1)]), 1, 1, 401))).toBe(true);
    expect(needsLogin(lose(newCluster([origin(1)]), 1, 1, 0))).toBe(false);
  });
});

const wire = (ms: number, more: Partial<WireMessage> = {}): WireMessage => ({
  t: ms * 1000, dir: 'out', from: 1, to: 2, kind: 'heartbeat', term: 3, index: 9, ...more,
});
const state = (ms: number, more: Partial<StateEvent> = {}): StateEvent => ({
  t: ms * 1000, node: 1, role: 'follower', term: 3, leader: 2, commit: 5, applied: 5, persisted: 5, last: 5, ...more,
});

describe('film', () => {
  it('counts a message once that both ends tell of, whichever is first', () => {
    const film = emptyFilm();
    expect([addMessage(film, wire(10, { dir: 'in' })), addMessage(film, wire(9)), addMessage(film, wire(11))]).toEqual([true, false, true]);
    expect(film.seen['heartbeat']).toBe(2);
  });
  it('is ordered by time though nodes tell late, and keeps a minute', () => {
    const film = emptyFilm();
    for (const t of [30, 10, 20]) addMessage(film, wire(t));
    expect(messagesBetween(film, 10, 30).map((m) => m.at)).toEqual([10, 20]);
    addMessage(film, wire(25 + FILM_MS));
    expect(film.messages.map((m) => m.at)).toEqual([30, 25 + FILM_MS]);
  });
  it('knows what a node was at a time, and tells of elections', () => {
    const film = emptyFilm();
    addState(film, state(10));
    addState(film, state(20, { role: 'candidate', term: 4, leader: 0 }));
    addState(film, state(30, { role: 'leader', term: 4, leader: 1 }));
    expect(stateAt(film, 1, 25)?.role).toBe('candidate');
    expect(stateAt(film, 1, 5)).toBeUndefined();
    expect(happenings(film).map((h) => h.text)).toEqual(['node 1 stands for election in term 4', 'node 1 leads term 4']);
  });
});

describe('playback', () => {
  it('follows live, stands still when paused, falls behind in slow motion', () => {
    expect(advance(atStart, 16, 5000).at).toBe(5000 - BEHIND_MS);
    const paused = { ...atStart, at: 4000, paused: true, live: false };
    expect(advance(paused, 16, 5000)).toBe(paused);
    expect(advance({ at: 4000, speed: 0.2, paused: false, live: false }, 100, 5000)).toMatchObject({ at: 4020, live: false });
  });
  it('steps to the next and the last flight among those shown', () => {
    const film = emptyFilm();
    addMessage(film, wire(1000));
    addMessage(film, wire(2000, { kind: 'vote' }));
    addMessage(film, wire(3000));
    const first = step({ ...atStart, at: 1000 }, film, 1, 9000, () => true);
    expect(first).toMatchObject({ at: 1000 + FLIGHT_MS / 2, paused: true });
    expect(step(first, film, 1, 9000, (kind) => kind !== 'vote').at).toBe(3000 + FLIGHT_MS / 2);
    expect(step({ ...atStart, at: 4000 }, film, -1, 9000, () => true).at).toBe(3000 + FLIGHT_MS / 2);
  });
  it('draws an answer after its question', () => {
    const film = emptyFilm();
    addMessage(film, wire(1000));
    addMessage(film, wire(1000, { kind: 'heartbeat_reply', from: 2, to: 1 }));
    const [question, answer] = film.messages;
    expect(departure(answer!)).toBe(1000 + FLIGHT_MS);
    expect(flown(question!, 1000 + FLIGHT_MS / 2)).toBe(0.5);
    expect(flown(answer!, 1000 + FLIGHT_MS / 2)).toBeUndefined();
  });
  it('flies there and back on different sides', () => {
    const [a, b] = [nodePoint(0, 3), nodePoint(1, 3)];
    const there = flightPoint(a, b, 0.5);
    const back = flightPoint(b, a, 0.5);
    expect(Math.hypot(there.x - back.x, there.y - back.y)).toBeGreaterThan(20);
  });
  it('explains each message and its answer', () => {
    for (const kind of legendKinds) expect(termOf(kind).family).not.toBe('other');
    expect(termOf('vote_reply').name).toBe('vote reply');
  });
});

describe('logs', () => {
  const window = (terms: number[], commit: number) => ({
    first: 1, last: terms.length, commit, applied: commit,
    entries: terms.map((term, i) => ({ index: i + 1, term, kind: 'command', bytes: 1 })),
  });
  it('shows where nodes differ, and what is committed', () => {
    const logs = addWindow(addWindow(noLogs, 1, window([1, 1, 2], 2), 0), 2, window([1, 1, 3, 3], 4), 0);
    const [four, three, two] = sideBySide(logs, [1, 2]);
    expect(four!.cells[0]).toMatchObject({ beyond: true, differs: false });
    expect(three!.cells.map((c) => [c.differs, c.committed])).toEqual([[true, false], [true, true]]);
    expect(two!.cells.map((c) => c.differs)).toEqual([false, false]);
  });
  it('notes what was replaced and what was cut off', () => {
    const logs = addWindow(addWindow(noLogs, 1, window([1, 2, 2], 1), 0), 1, window([1, 3], 2), 7);
    expect(logs.replaced.map((r) => [r.index, r.was, r.became])).toEqual([[3, 2, undefined], [2, 2, 3]]);
  });
});

describe('words and replies', () => {
  it('splits a line as redis-cli does', () => {
    expect(words(`SET k "a b\\n\\x41" 'it\\'s' ""`)).toEqual(['SET', 'k', 'a b\nA', "it's", '']);
    expect(() => words('SET "k')).toThrow('not closed');
    expect(() => words('SET "k"x')).toThrow('blank');
  });
  it('renders nested replies', () => {
    const bulk = (value: string) => ({ type: 'bulk', value });
    expect(render({ type: 'array', value: [bulk('a'), { type: 'array', value: [{ type: 'integer', value: 1 }, { type: 'nil' }] }] }))
      .toBe('1) "a"\n2) 1) (integer) 1\n   2) (nil)');
    expect(render({ type: 'error', value: 'ERR no' })).toBe('(error) ERR no');
  });
  it('lays out a value of each type, and asks for a bounded piece of it', () => {
    for (const type of ['string', 'list', 'hash', 'set', 'zset', 'stream']) expect(peekCommand(type, 'k')).toContain('k');
    const list = (...value: unknown[]) => ({ type: 'array', value });
    const bulk = (value: string) => ({ type: 'bulk', value });
    expect(tableOf('hash', list(bulk('0'), list(bulk('f'), bulk('v')))).rows).toEqual([['f', 'v']]);
    expect(tableOf('zset', list(list(bulk('m'), { type: 'double', value: 2 }))).rows).toEqual([['m', '2']]);
    expect(tableOf('stream', list(list(bulk('1-1'), list(bulk('f'), bulk('v'))))).rows).toEqual([['1-1', 'f=v']]);
  });
});

describe('the way of a write', () => {
  const steps = [{ step: 'received', t: 100 }, { step: 'proposed', t: 150, index: 9 }, { step: 'persisted', t: 300, index: 9 }, { step: 'committed', t: 320, index: 9 }];
  it('is what the answering node tells while no other has said anything', () => {
    expect(wayOf(steps, [])).toEqual(steps);
    expect(wayOf(steps, [{ node: 2, t: undefined }])).toEqual(steps);
    expect(wayOf([], [])).toEqual([]);
  });
  it('has the disks of all nodes, each once, in the order of time', () => {
    const way = wayOf(steps, [{ node: 1, t: 300 }, { node: 2, t: 280 }, { node: 3, t: 900 }, { node: 4, t: undefined }]);
    expect(way.map((s) => `${s.step} ${s.node ?? ''}`.trim())).toEqual(['received', 'proposed', 'persisted 2', 'persisted 1', 'committed', 'persisted 3']);
    expect(way.every((s) => s.step === 'received' || s.index === 9)).toBe(true);
    expect(silent([{ node: 1, t: 300 }, { node: 4, t: undefined }])).toEqual([4]);
  });
  it('begins where the command was received, whatever other clocks say', () => {
    const way = wayOf(steps, [{ node: 2, t: 40 }]);
    expect(way[0]!.step).toBe('received');
    expect(way.map((s) => shareOf(s, way))).toEqual([0, 0, 50 / 220, 1]);
  });
});
