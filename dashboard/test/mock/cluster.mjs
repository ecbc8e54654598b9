// A made-up cluster for tests of the page: roles, terms, logs and messages as three nodes would have them,
// by a few rules. It is no Raft: an election is won by the lowest living node after a while.

const HEARTBEAT_MS = 150;
const ELECTION_MS = 600;

export class MockCluster {
  constructor(count) {
    this.nodes = Array.from({ length: count }, (_, i) => ({
      id: i + 1, alive: true, isolated: false, role: i === 0 ? 'leader' : 'follower', term: 2, leader: 1,
      commit: 1, entries: [{ index: 1, term: 1, kind: 'config', bytes: 60, commands: [] }], silentSince: Date.now(),
    }));
    this.data = new Map();
    this.listeners = new Map(this.nodes.map((node) => [node.id, new Set()]));
    this.heartbeats = 0;
    this.timer = setInterval(() => this.turn(), HEARTBEAT_MS);
    this.append('noop', []);
  }

  close() {
    clearInterval(this.timer);
  }

  node(id) {
    return this.nodes.find((node) => node.id === id);
  }

  reaches(a, b) {
    return a === b || (a.alive && b.alive && !a.isolated && !b.isolated);
  }

  hasQuorum(node) {
    return this.nodes.filter((other) => this.reaches(node, other)).length * 2 > this.nodes.length;
  }

  leader() {
    return this.nodes.filter((n) => n.alive && n.role === 'leader' && this.hasQuorum(n)).at(0);
  }

  emit(id, event, data) {
    for (const listener of this.listeners.get(id)) listener(event, data);
  }

  send(from, to, kind, more = {}) {
    const message = { from: from.id, to: to.id, kind, term: from.term, index: from.entries.length, entries: 0, bytes: 40, ...more };
    const t = Date.now() * 1000;
    this.emit(from.id, 'message', { t, dir: 'out', ...message });
    if (this.reaches(from, to)) this.emit(to.id, 'message', { t: t + 120, dir: 'in', ...message });
    return this.reaches(from, to);
  }

  ask(from, to, kind, more) {
    if (this.send(from, to, kind, more)) this.send(to, from, `${kind}_reply`);
  }

  tell(node) {
    this.emit(node.id, 'state', {
      t: Date.now() * 1000, node: node.id, role: node.role, term: node.term, leader: node.leader, commit: node.commit,
      applied: node.commit, persisted: node.entries.length, last: node.entries.length,
    });
  }

  become(node, role, term, leader) {
    Object.assign(node, { role, term, leader, silentSince: Date.now() });
    this.tell(node);
  }

  turn() {
    for (const node of this.nodes) {
      if (!node.alive) continue;
      if (node.role === 'leader') this.lead(node);
      else if (Date.now() - node.silentSince > ELECTION_MS) this.stand(node);
    }
  }

  lead(node) {
    for (const peer of this.others(node)) {
      this.heartbeats += node.id === this.leader()?.id ? 1 : 0;
      this.ask(node, peer, 'heartbeat');
      if (!this.reaches(node, peer)) continue;
      if (peer.term > node.term) return this.become(node, 'follower', peer.term, peer.leader);
      if (peer.role !== 'follower' || peer.term < node.term) this.become(peer, 'follower', node.term, node.id);
      peer.silentSince = Date.now();
      this.copy(node, peer);
    }
    if (!this.hasQuorum(node)) this.become(node, 'follower', node.term, 0);
  }

  others(node) {
    return this.nodes.filter((other) => other !== node);
  }

  copy(leader, peer) {
    const differs = leader.entries.findIndex((entry, i) => peer.entries[i]?.term !== entry.term);
    if (differs < 0 && peer.commit === leader.commit) return;
    if (differs >= 0) {
      this.ask(leader, peer, 'append', { entries: leader.entries.length - differs });
      peer.entries = leader.entries.slice();
    }
    peer.commit = leader.commit;
    this.tell(peer);
  }

  stand(node) {
    node.leader = 0;
    for (const peer of this.others(node)) this.ask(node, peer, 'pre_vote');
    if (!this.hasQuorum(node)) return this.become(node, 'pre-candidate', node.term, 0);
    const rival = this.nodes.find((n) => this.reaches(node, n) && n.role === 'leader');
    if (rival) return;
    this.become(node, 'candidate', node.term + 1, 0);
    for (const peer of this.others(node)) this.ask(node, peer, 'vote');
    this.become(node, 'leader', node.term, node.id);
    this.append('noop', []);
  }

  append(kind, commands) {
    const leader = this.leader();
    if (!leader) return undefined;
    const index = leader.entries.length + 1;
    leader.entries.push({ index, term: leader.term, kind, bytes: 30 + commands.join('').length, commands });
    leader.commit = index;
    this.tell(leader);
    for (const peer of this.others(leader)) if (this.reaches(leader, peer)) this.copy(leader, peer);
    return index;
  }

  view(node, origins) {
    const quorum = this.hasQuorum(node);
    return {
      now_us: Date.now() * 1000, id: node.id, version: 'mock', uptime_s: 321, role: node.role, term: node.term,
      leader: node.leader, has_quorum: quorum && this.leader() !== undefined, commit_index: node.commit, last_applied: node.commit,
      log: { first: 1, last: node.entries.length, bytes: node.entries.length * 90 },
      health: quorum ? [] : ['no majority is reachable: writes wait'],
      members: this.nodes.map((other, i) => ({
        id: other.id, role: 'voter', host: '127.0.0.1', port: 7000 + other.id, http: origins[i],
        last_contact_ms: this.reaches(node, other) ? 40 : 5000,
      })),
      ops_per_s: 1234, keys: this.data.size, connections: 3, chaos: true, keeper: true,
      latency_us: { read: { p50: 210, p99: 800, p999: 2100 }, write: { p50: 900, p99: 3400, p999: 9800 } },
      cache: { bytes: 12e6, limit: 64e6, hits: 90, misses: 4 }, memory: { rss: 88e6 },
      disk: { free: 71e9, total: 250e9, used: 4e6, state: 'ok' },
    };
  }
}
