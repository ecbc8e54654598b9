// The film of the last minute: messages and states of nodes in the order of their time.
// Times are milliseconds of the nodes' wall clocks.

import type { StateEvent, WireMessage } from '../api/types';

export const FILM_MS = 60_000;
export const MESSAGES_MAX = 20_000; // 15 nodes at 200 messages a second for a minute would be more: the oldest go
export const STATES_MAX = 6_000;
const TWIN_MS = 2_000; // both ends tell of one message within this time

export interface Message {
  seq: number; // unique within this page
  at: number; // when it was sent, as far as is known
  from: number;
  to: number;
  kind: string;
  term: number;
  index: number;
  entries: number;
  bytes: number;
}

export interface Moment {
  at: number;
  node: number;
  role: string;
  term: number;
  leader: number;
  commit: number;
  applied: number;
  persisted: number;
  last: number;
}

export interface Film {
  messages: Message[];
  states: Moment[];
  twins: Map<string, number[]>; // messages told by one end: times, by what and whither
  seen: Record<string, number>; // messages ever received, by kind
  dropped: number; // what nodes said they left out
  nextSeq: number;
}

export function emptyFilm(): Film {
  return { messages: [], states: [], twins: new Map(), seen: {}, dropped: 0, nextSeq: 1 };
}

// Adds in the order of time; nearly always that is at the end.
function insert<T extends { at: number }>(list: T[], item: T): void {
  let place = list.length;
  while (place > 0 && list[place - 1]!.at > item.at) place--;
  list.splice(place, 0, item);
}

function dropOld<T extends { at: number }>(list: T[], oldest: number, max: number): void {
  let gone = Math.max(0, list.length - max);
  while (gone < list.length && list[gone]!.at < oldest) gone++;
  if (gone > 0) list.splice(0, gone);
}

// One message may be told twice, by who sent and by who received it. The first word counts.
// Returns false for the second.
export function addMessage(film: Film, wire: WireMessage): boolean {
  const at = wire.t / 1000;
  const other = `${wire.dir === 'out' ? 'in' : 'out'} ${signature(wire)}`;
  const waiting = film.twins.get(other);
  const twin = waiting?.findIndex((time) => Math.abs(time - at) < TWIN_MS) ?? -1;
  if (waiting && twin >= 0) {
    waiting.splice(twin, 1);
    if (waiting.length === 0) film.twins.delete(other);
    return false;
  }
  const own = `${wire.dir} ${signature(wire)}`;
  const list = film.twins.get(own);
  if (list) list.push(at);
  else film.twins.set(own, [at]);

  insert(film.messages, {
    seq: film.nextSeq++,
    at,
    from: wire.from,
    to: wire.to,
    kind: wire.kind,
    term: wire.term,
    index: wire.index,
    entries: wire.entries ?? 0,
    bytes: wire.bytes ?? 0,
  });
  film.seen[wire.kind] = (film.seen[wire.kind] ?? 0) + 1;
  trim(film, at);
  return true;
}

function signature(wire: WireMessage): string {
  return `${wire.from} ${wire.to} ${wire.kind} ${wire.term} ${wire.index} ${wire.entries ?? 0}`;
}

export function addState(film: Film, state: StateEvent): void {
  const { t, ...rest } = state;
  insert(film.states, { at: t / 1000, ...rest });
  trim(film, t / 1000);
}

function trim(film: Film, now: number): void {
  const newest = Math.max(now, film.messages.at(-1)?.at ?? 0, film.states.at(-1)?.at ?? 0);
  dropOld(film.messages, newest - FILM_MS, MESSAGES_MAX);
  dropOld(film.states, newest - FILM_MS, STATES_MAX);
  if (film.twins.size > 4_000) forgetTwins(film, newest - TWIN_MS);
}

function forgetTwins(film: Film, oldest: number): void {
  for (const [key, times] of film.twins) {
    const young = times.filter((time) => time >= oldest);
    if (young.length > 0) film.twins.set(key, young);
    else film.twins.delete(key);
  }
}

// The first place in a list ordered by time whose time is not below.
function lowerBound(list: readonly { at: number }[], at: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle]!.at < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function messagesBetween(film: Film, from: number, until: number): Message[] {
  return film.messages.slice(lowerBound(film.messages, from), lowerBound(film.messages, until));
}

// What a node last said of itself before or at a time.
export function stateAt(film: Film, node: number, at: number): Moment | undefined {
  for (let i = lowerBound(film.states, at + 0.001) - 1; i >= 0; i--) {
    const state = film.states[i]!;
    if (state.node === node) return state;
  }
  return undefined;
}

export function filmStart(film: Film): number {
  return Math.min(film.messages[0]?.at ?? Infinity, film.states[0]?.at ?? Infinity);
}

export interface Happening {
  at: number;
  node: number;
  text: string;
  kind: 'leader' | 'election' | 'role';
}

// The changes of role and term, in words: what a newcomer should notice.
export function happenings(film: Film): Happening[] {
  const last = new Map<number, Moment>();
  const list: Happening[] = [];
  for (const state of film.states) {
    const before = last.get(state.node);
    last.set(state.node, state);
    if (!before || (before.role === state.role && before.term === state.term)) continue;
    list.push(describeChange(before, state));
  }
  return list;
}

function describeChange(before: Moment, now: Moment): Happening {
  const { at, node, role, term } = now;
  if (role === 'leader' && before.role !== 'leader')
    return { at, node, kind: 'leader', text: `node ${node} leads term ${term}` };
  if (role.includes('candidate') && role !== before.role)
    return {
      at,
      node,
      kind: 'election',
      text: role.startsWith('pre')
        ? `node ${node} hears no leader and asks whether an election could succeed`
        : `node ${node} stands for election in term ${term}`,
    };
  if (before.role === 'leader')
    return { at, node, kind: 'role', text: `node ${node} leads no longer: ${role} in term ${term}` };
  if (role !== before.role) return { at, node, kind: 'role', text: `node ${node} is ${role} in term ${term}` };
  return { at, node, kind: 'election', text: `node ${node} enters term ${term}` };
}
