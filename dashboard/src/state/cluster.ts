// What the page knows of the cluster, as a reducer: (knowledge, news) -> knowledge. No browser in it.

import type { Member, NodeView } from '../api/types';

export const FRESH_MS = 2_500; // a view that is older says how the node was, not how it is
export const ORIGINS_MAX = 15;

export interface Seat {
  origin: string;
  id: number | undefined; // known once it has answered, or by another's list of members
  view: NodeView | undefined; // the last one
  seenAt: number; // the browser's clock, 0: never
  failedSince: number; // 0: the last call succeeded
  trouble: string;
  status: number; // of HTTP, 0: no answer
}

export interface Cluster {
  seats: Seat[];
  speaking: string; // the origin that commands go through
  skewMs: number; // nodes' clock minus the browser's
}

export type News =
  | { kind: 'seen'; origin: string; view: NodeView; now: number }
  | { kind: 'failed'; origin: string; status: number; trouble: string; now: number }
  | { kind: 'speak'; origin: string };

export function newCluster(origins: readonly string[]): Cluster {
  return { seats: origins.slice(0, ORIGINS_MAX).map((origin) => newSeat(origin)), speaking: origins[0] ?? '', skewMs: 0 };
}

function newSeat(origin: string, id?: number): Seat {
  return { origin, id, view: undefined, seenAt: 0, failedSince: 0, trouble: '', status: 200 };
}

export function reduce(cluster: Cluster, news: News): Cluster {
  switch (news.kind) {
    case 'speak':
      return { ...cluster, speaking: news.origin };
    case 'seen':
      return seen(cluster, news.origin, news.view, news.now);
    case 'failed':
      return failed(cluster, news);
  }
}

function seen(cluster: Cluster, origin: string, view: NodeView, now: number): Cluster {
  let seats = cluster.seats.map((seat) =>
    seat.origin === origin
      ? { ...seat, id: view.id, view, seenAt: now, failedSince: 0, trouble: '', status: 200 }
      : seat,
  );
  // A node listed under two addresses is called under the one that answers first.
  seats = seats.filter((seat) => seat.origin === origin || seat.id !== view.id);
  seats = withMembers(seats, view.members);
  const skewMs = origin === cluster.speaking ? view.now_us / 1000 - now : cluster.skewMs;
  return { seats, speaking: speaker(seats, cluster.speaking, now), skewMs };
}

function withMembers(seats: Seat[], members: readonly Member[]): Seat[] {
  const more = [...seats];
  for (const member of members) {
    if (!member.http || more.length >= ORIGINS_MAX) continue;
    if (more.some((seat) => seat.id === member.id || seat.origin === member.http)) continue;
    more.push(newSeat(member.http, member.id));
  }
  return more;
}

function failed(cluster: Cluster, news: Extract<News, { kind: 'failed' }>): Cluster {
  const seats = cluster.seats.map((seat) =>
    seat.origin === news.origin
      ? { ...seat, failedSince: seat.failedSince || news.now, trouble: news.trouble, status: news.status }
      : seat,
  );
  return { ...cluster, seats, speaking: speaker(seats, cluster.speaking, news.now) };
}

// Stays with who speaks while that one answers; else goes on with one that has a quorum, or with any.
function speaker(seats: readonly Seat[], current: string, now: number): string {
  const answering = seats.filter((seat) => isUp(seat, now));
  if (answering.some((seat) => seat.origin === current) || answering.length === 0) return current;
  return (answering.find((seat) => seat.view?.has_quorum) ?? answering[0]!).origin;
}

export function isUp(seat: Seat, now: number): boolean {
  return seat.view !== undefined && seat.failedSince === 0 && now - seat.seenAt < FRESH_MS;
}

export interface NodeRow {
  id: number;
  label: string;
  member: Member | undefined;
  seat: Seat | undefined;
  view: NodeView | undefined; // the last known, maybe old
  up: boolean;
  leads: boolean;
  lag: number | undefined; // entries behind the leader's log
}

// One row for each member that any living node names, and for each node that answers.
export function rows(cluster: Cluster, now: number): NodeRow[] {
  const leader = leaderOf(cluster, now);
  const members = membersOf(cluster, now);
  const ids = new Set([...members.map((member) => member.id)]);
  for (const seat of cluster.seats) if (seat.id !== undefined && seat.view) ids.add(seat.id);

  return [...ids]
    .sort((a, b) => a - b)
    .map((id) => {
      const seat = cluster.seats.find((s) => s.id === id);
      const member = members.find((m) => m.id === id);
      const view = seat?.view;
      const up = seat !== undefined && isUp(seat, now);
      const end = leader?.log.last;
      const lag = end !== undefined && up && view ? Math.max(0, end - view.log.last) : undefined;
      return { id, label: `node ${id}`, member, seat, view, up, leads: up && leader?.id === id, lag };
    });
}

function freshest(cluster: Cluster, now: number): NodeView | undefined {
  const up = cluster.seats.filter((seat) => isUp(seat, now));
  return (up.length > 0 ? up : cluster.seats)
    .map((seat) => seat.view)
    .filter((view): view is NodeView => view !== undefined)
    .sort((a, b) => Number(b.has_quorum) - Number(a.has_quorum) || b.term - a.term)[0];
}

export function membersOf(cluster: Cluster, now: number): Member[] {
  return leaderOf(cluster, now)?.members ?? freshest(cluster, now)?.members ?? [];
}

// Who says that it leads, in the highest term; a leader cut off may still believe it for a moment.
export function leaderOf(cluster: Cluster, now: number): NodeView | undefined {
  let best: NodeView | undefined;
  for (const seat of cluster.seats) {
    if (!isUp(seat, now) || seat.view?.role !== 'leader') continue;
    if (!best || seat.view.term > best.term) best = seat.view;
  }
  return best;
}

export interface Verdict {
  level: 'good' | 'warning' | 'bad';
  text: string;
  detail: string;
}

export function verdict(cluster: Cluster, now: number): Verdict {
  const up = cluster.seats.filter((seat) => isUp(seat, now));
  if (up.length === 0) return noAnswer(cluster);
  const leader = leaderOf(cluster, now);
  const members = membersOf(cluster, now);
  const voters = members.filter((member) => member.role === 'voter');
  const answering = voters.filter((voter) => up.some((seat) => seat.id === voter.id)).length;
  const count = `${answering} of ${voters.length} voters answer`;
  if (!up.some((seat) => seat.view?.has_quorum))
    return {
      level: 'bad',
      text: 'No quorum',
      detail: `${count} here. Nothing is acknowledged until a majority of the nodes runs and reach each other; nothing acknowledged is lost.`,
    };
  if (!leader)
    return { level: 'warning', text: 'No leader seen', detail: `${count}; an election, or the leader does not serve HTTP to this page.` };
  const ill = up.find((seat) => (seat.view?.health.length ?? 0) > 0);
  if (answering < voters.length)
    return { level: 'warning', text: `Node ${leader.id} leads term ${leader.term}`, detail: `${count}; writes are acknowledged.` };
  if (ill)
    return { level: 'warning', text: `Node ${leader.id} leads term ${leader.term}`, detail: `node ${ill.id}: ${ill.view?.health[0]}` };
  return { level: 'good', text: `Node ${leader.id} leads term ${leader.term}`, detail: `${count}.` };
}

function noAnswer(cluster: Cluster): Verdict {
  if (cluster.seats.some((seat) => seat.status === 401))
    return { level: 'warning', text: 'Not logged in', detail: 'The cluster wants a user and a password.' };
  if (cluster.seats.every((seat) => seat.failedSince === 0))
    return { level: 'warning', text: 'Connecting', detail: 'Asking the node that served this page.' };
  return { level: 'bad', text: 'No node answers', detail: 'The page keeps asking all of them; what is shown is the last that was known.' };
}

export function needsLogin(cluster: Cluster): boolean {
  const answered = cluster.seats.filter((seat) => seat.status !== 0);
  return answered.some((seat) => seat.status === 401) && !cluster.seats.some((s) => s.view && s.failedSince === 0);
}
