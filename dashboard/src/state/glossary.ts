// Each message of the protocol, explained to somebody who has never heard of Raft.

export type Family = 'election' | 'replication' | 'heartbeat' | 'read' | 'snapshot' | 'other';

export interface Term {
  name: string;
  family: Family;
  explanation: string;
}

const terms: Record<string, Term> = {
  pre_vote: {
    name: 'pre-vote',
    family: 'election',
    explanation:
      '“I hear no leader. Would you vote for me?” Changes nothing yet, so a node with a bad link cannot disturb a healthy cluster.',
  },
  vote: {
    name: 'vote',
    family: 'election',
    explanation:
      '“I stand for election in this term.” Each node gives one vote a term, written to its disk first, and only to a log at least as complete as its own. A majority makes a leader.',
  },
  append: {
    name: 'append',
    family: 'replication',
    explanation:
      'New log entries: clients’ writes on their way to the other nodes. The answer is sent when they are on disk; once a majority has them, they are committed.',
  },
  heartbeat: {
    name: 'heartbeat',
    family: 'heartbeat',
    explanation: '“I still lead, and this much is committed.” Who hears none for a while asks for an election.',
  },
  read_round: {
    name: 'read round',
    family: 'read',
    explanation:
      '“Am I still your leader?” Asked before a read is answered, so that no read is ever stale. One round serves all reads that wait.',
  },
  snapshot: {
    name: 'snapshot chunk',
    family: 'snapshot',
    explanation:
      'A piece of the whole state, for a node that missed more than the log still holds, or that is new and empty.',
  },
  timeout_now: {
    name: 'timeout now',
    family: 'election',
    explanation: '“Stand for election at once.” How a leader hands over to a node that has everything.',
  },
};

const replies: Record<string, string> = {
  pre_vote: '“I would” or “I would not”.',
  vote: 'The vote, or its refusal.',
  append: '“On my disk up to here”, or where the two logs part.',
  heartbeat: '“I follow you.”',
  read_round: '“You lead, as far as I know.”',
  snapshot: '“Got this piece.”',
};

export const legendKinds = ['pre_vote', 'vote', 'append', 'heartbeat', 'read_round', 'snapshot', 'timeout_now'];

export function isReply(kind: string): boolean {
  return kind.endsWith('_reply');
}

export function baseKind(kind: string): string {
  return isReply(kind) ? kind.slice(0, -'_reply'.length) : kind;
}

export function termOf(kind: string): Term {
  const base = baseKind(kind);
  const known = terms[base] ?? { name: base.replaceAll('_', ' '), family: 'other' as const, explanation: 'Another message of the cluster.' };
  if (!isReply(kind)) return known;
  return { ...known, name: `${known.name} reply`, explanation: replies[base] ?? 'The answer.' };
}

export function familyOf(kind: string): Family {
  return termOf(kind).family;
}
