// The running half of the page: asks every node, listens to every node, and tells the views when
// something changed. The rules are in state/; here are only timers, fetch and EventSource.

import { get, HttpError, post } from './api/http';
import type { ChaosOrder, CommandAnswer, LogEntry, LogWindow, NodeView, StateEvent, WireMessage } from './api/types';
import { type Cluster, isUp, membersOf, needsLogin, newCluster, reduce, type News } from './state/cluster';
import { addMessage, addState, emptyFilm, type Film } from './state/film';
import type { Persisted } from './state/steps';
import { addWindow, type Logs, noLogs, ROWS_MAX } from './state/logs';

const LOOK_EVERY_MS = 400;
const LOG_EVERY_MS = 700;
const LISTEN_AGAIN_MS = 1500;
const KEEPER_PATIENCE_MS = 45000; // a node that is started is waited for
const PERSISTED_LOOKS = 4;
const PERSISTED_AGAIN_MS = 150;
const REMEMBERED = 'avow-origins';

export class Engine {
  cluster: Cluster;
  film: Film = emptyFilm();
  logs: Logs = noLogs;
  user = '';
  version = 0; // counts changes, for useSyncExternalStore

  private watchers = new Set<() => void>();
  private sources = new Map<string, EventSource>();
  private retries = new Map<string, number>(); // when to listen again, by origin
  private looking = new Set<string>(); // origins with a call under way
  private timers: number[] = [];
  private logWanted = 0;
  private filmWanted = 0;

  constructor(here: string) {
    this.cluster = newCluster([here, ...remembered().filter((origin) => origin !== here)]);
  }

  start(): void {
    this.look();
    this.timers.push(window.setInterval(() => this.look(), LOOK_EVERY_MS));
    this.timers.push(window.setInterval(() => this.readLogs(), LOG_EVERY_MS));
  }

  stop(): void {
    this.timers.forEach((timer) => clearInterval(timer));
    this.timers = [];
    this.sources.forEach((source) => source.close());
    this.sources.clear();
  }

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  wantLogs(): () => void {
    this.logWanted++;
    this.readLogs();
    return () => this.logWanted--;
  }

  // Streams are open only while somebody looks: they cost the nodes nothing otherwise.
  wantFilm(): () => void {
    this.filmWanted++;
    this.listen();
    return () => this.filmWanted--; // the next look closes them, unless the next view wants them too
  }

  now(): number {
    return Date.now() + this.cluster.skewMs;
  }

  private tell(news: News): void {
    this.cluster = reduce(this.cluster, news);
    this.changed();
  }

  private changed(): void {
    this.version++;
    this.watchers.forEach((watcher) => watcher());
  }

  private look(): void {
    for (const seat of this.cluster.seats) void this.lookAt(seat.origin);
    this.listen();
  }

  private async lookAt(origin: string): Promise<void> {
    if (this.looking.has(origin)) return;
    this.looking.add(origin);
    try {
      const view = await get<NodeView>(origin, '/api/node');
      this.tell({ kind: 'seen', origin, view, now: Date.now() });
      remember(this.cluster.seats.map((seat) => seat.origin));
    } catch (error) {
      const status = error instanceof HttpError ? error.status : 0;
      this.tell({ kind: 'failed', origin, status, trouble: reason(error), now: Date.now() });
    } finally {
      this.looking.delete(origin);
    }
  }

  private readLogs(): void {
    if (this.logWanted === 0) return;
    for (const seat of this.cluster.seats) {
      if (seat.id === undefined || seat.failedSince) continue;
      const id = seat.id;
      get<LogWindow>(seat.origin, `/api/log?count=${ROWS_MAX}`)
        .then((log) => {
          this.logs = addWindow(this.logs, id, log, this.now());
          this.changed();
        })
        .catch(() => undefined); // the look at the node tells of its trouble
    }
  }

  private listen(): void {
    const wanted = this.filmWanted > 0 ? this.cluster.seats.filter((seat) => !seat.failedSince && seat.view) : [];
    for (const [origin, source] of this.sources)
      if (!wanted.some((seat) => seat.origin === origin)) {
        source.close();
        this.sources.delete(origin);
      }
    for (const { origin } of wanted)
      if (!this.sources.has(origin) && Date.now() >= (this.retries.get(origin) ?? 0)) this.listenTo(origin);
  }

  private listenTo(origin: string): void {
    const source = new EventSource(`${origin}/api/events`, { withCredentials: true });
    this.sources.set(origin, source);
    source.addEventListener('message', (event) => addMessage(this.film, JSON.parse(event.data as string) as WireMessage));
    source.addEventListener('state', (event) => {
      addState(this.film, JSON.parse(event.data as string) as StateEvent);
      this.changed();
    });
    source.addEventListener('dropped', (event) => {
      this.film.dropped += (JSON.parse(event.data as string) as { count: number }).count;
    });
    source.onerror = () => {
      source.close();
      if (this.sources.get(origin) === source) this.sources.delete(origin);
      this.retries.set(origin, Date.now() + LISTEN_AGAIN_MS);
    };
  }

  // A command goes out once. If no answer comes, nobody here knows whether it was executed.
  async command(argv: readonly string[], db = 0): Promise<CommandAnswer> {
    const origin = this.cluster.speaking;
    try {
      return await post<CommandAnswer>(origin, '/api/command', { argv, db });
    } catch (error) {
      if (!(error instanceof HttpError) || error.status !== 0) throw error;
      throw new HttpError(0, `${error.message}: the command may have been executed, or not; look before you repeat it`);
    }
  }

  // The node itself breaks; leadership is handed over by a command, on any node.
  async chaos(order: ChaosOrder): Promise<void> {
    if (order.action === 'transfer') {
      const { reply } = await this.command(['RAFT', 'TRANSFER', String(order.node)]);
      if (reply.type === 'error') throw new HttpError(200, String(reply.value));
    } else {
      await (this.isForKeeper(order)
        ? post(this.besides(order.node), '/api/chaos', order, KEEPER_PATIENCE_MS)
        : post(this.originOf(order.node ?? order.from), '/api/chaos', order));
    }
    this.look();
  }

  // When each node had the entry on its disk, as it says itself. Some have it a little after the command was
  // answered, so they are asked some times. In the log of another there may be another entry at that index for a
  // moment: only one of the term that the answering node has counts.
  async whoPersisted(index: number): Promise<Persisted[]> {
    const seats = this.cluster.seats.filter((seat) => seat.id !== undefined);
    const speaking = this.cluster.speaking;
    let list: Persisted[] = [];
    for (let i = 0; i < PERSISTED_LOOKS; i++) {
      if (i > 0) await new Promise((done) => setTimeout(done, PERSISTED_AGAIN_MS));
      const found = await Promise.all(seats.map((seat) => entryAt(seat.origin, index)));
      const term = found[seats.findIndex((seat) => seat.origin === speaking)]?.term;
      list = seats.map((seat, at) => ({ node: seat.id!, t: found[at]?.term === term ? found[at]?.persisted : undefined }));
      if (list.every((one) => one.t !== undefined)) break;
    }
    return list;
  }

  // What a node cannot do to itself, or not when it does not answer.
  private isForKeeper({ action, node }: ChaosOrder): boolean {
    const seat = this.cluster.seats.find((s) => s.id === node);
    return ['start', 'pause', 'resume'].includes(action) || (action === 'kill' && seat !== undefined && !isUp(seat, Date.now()));
  }

  private originOf(id: number | undefined): string {
    const seat = this.cluster.seats.find((s) => s.id === id);
    return seat?.origin ?? membersOf(this.cluster, Date.now()).find((m) => m.id === id)?.http ?? this.cluster.speaking;
  }

  private besides(id: number | undefined): string {
    const other = this.cluster.seats.find((s) => s.id !== id && isUp(s, Date.now()));
    if (!other) throw new HttpError(0, `no other node answers that could ask the keeper to do this to node ${id}`);
    return other.origin;
  }

  // A cookie belongs to an address: the nodes on other hosts want the same word.
  async login(user: string, password: string): Promise<void> {
    const results = await Promise.allSettled(
      this.cluster.seats.map((seat) => post(seat.origin, '/api/login', { user, password }, 5000)),
    );
    if (!results.some((result) => result.status === 'fulfilled')) {
      const refused = results.find((r) => r.status === 'rejected' && (r.reason as HttpError).status !== 0) ?? results[0];
      throw refused?.status === 'rejected' ? refused.reason : new HttpError(0, 'no node answers');
    }
    this.user = user;
    this.look();
  }

  async logout(): Promise<void> {
    await Promise.allSettled(this.cluster.seats.map((seat) => post(seat.origin, '/api/logout', {}, 5000)));
    this.user = '';
    this.look();
    this.changed();
  }

  get loginNeeded(): boolean {
    return needsLogin(this.cluster);
  }
}

async function entryAt(origin: string, index: number): Promise<LogEntry | undefined> {
  try {
    const { entries } = await get<LogWindow>(origin, `/api/log?from=${index}&count=1`);
    return entries.find((entry) => entry.index === index);
  } catch {
    return undefined; // the look at the node tells of its trouble
  }
}

export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// Addresses of nodes, so that a page loaded anew knows whom else to ask.
function remembered(): string[] {
  try {
    const list: unknown = JSON.parse(sessionStorage.getItem(REMEMBERED) ?? '[]');
    return Array.isArray(list) ? list.filter((item): item is string => typeof item === 'string') : [];
  } catch {
    return [];
  }
}

function remember(origins: readonly string[]): void {
  const value = JSON.stringify(origins);
  if (sessionStorage.getItem(REMEMBERED) !== value) sessionStorage.setItem(REMEMBERED, value);
}
