// The shape of a message: told apart without colours too. Hollow for a reply.

import { familyOf, isReply, type Family } from '../state/glossary';

const shapes: Record<Family, string> = {
  election: 'M0-7 7 0 0 7-7 0Z',
  replication: 'M-6-5H6V5H-6Z',
  heartbeat: 'M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z',
  read: 'M0-7 6.5 5H-6.5Z',
  snapshot: 'M-8-6H8V6H-8ZM-8-1H8',
  other: 'M-3-3H3V3H-3Z',
};

export function Mark({ kind }: { kind: string }) {
  return <path className={`mark ${isReply(kind) ? 'hollow' : ''}`} d={shapes[familyOf(kind)]} />;
}
