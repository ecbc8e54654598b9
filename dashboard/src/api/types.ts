// What the nodes say over HTTP: docs/HTTP.md, field by field.

export type Role = string; // leader, follower, candidate, pre-candidate, learner, ...

export interface Member {
  id: number;
  role: string; // voter, learner
  host: string;
  port?: number; // of clients, unless the node serves no HTTP
  http?: string; // where its page and API are, unless it serves none
  peer_port?: number;
  reachable?: boolean;
  last_contact_ms?: number;
  match?: number;
  next?: number;
  lag?: number;
  inflight?: number;
}

export interface Percentiles {
  p50: number;
  p99: number;
  p999: number;
}

export interface NodeView {
  now_us: number;
  id: number;
  name?: string;
  version: string;
  uptime_s: number;
  role: Role;
  term: number;
  leader: number; // 0: none known
  has_quorum: boolean;
  commit_index: number;
  last_applied: number;
  log: { first: number; last: number; bytes: number };
  health: string[];
  members: Member[];
  ops_per_s: number;
  window_s?: number; // the percentiles are of so many seconds
  latency_us?: { read?: Percentiles; write?: Percentiles };
  phases_us?: Record<string, Percentiles>;
  cache?: { bytes: number; limit: number; hits: number; misses: number };
  memory?: { rss: number };
  disk?: { free: number; total: number; used: number; state: string };
  connections?: number;
  keys?: number;
  chaos?: boolean;
  keeper?: boolean; // somebody outside who starts, pauses and resumes nodes
}

export interface LogEntry {
  index: number;
  term: number;
  kind: string;
  bytes: number;
  commands?: string[];
  persisted?: number; // when that node had it on its disk, microseconds of its own wall clock
}

export interface LogWindow {
  first: number;
  last: number;
  commit: number;
  applied: number;
  entries: LogEntry[];
}

export interface WireMessage {
  t: number; // wall clock, microseconds
  dir: 'out' | 'in';
  from: number;
  to: number;
  kind: string;
  term: number;
  index: number;
  entries?: number;
  bytes?: number;
}

export interface StateEvent {
  t: number;
  node: number;
  role: Role;
  term: number;
  leader: number;
  commit: number;
  applied: number;
  persisted: number;
  last: number;
}

export interface Reply {
  type: string;
  value?: unknown;
}

export interface Step {
  step: string;
  t: number;
  index?: number;
  node?: number;
}

export interface CommandAnswer {
  reply: Reply;
  took_us: number;
  steps?: Step[];
}

export interface ChaosOrder {
  action: 'kill' | 'start' | 'pause' | 'resume' | 'cut' | 'heal' | 'isolate' | 'slow_disk' | 'transfer';
  node?: number;
  from?: number;
  to?: number;
  ms?: number;
}
