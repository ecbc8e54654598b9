// A typed reply as text, in the manner of redis-cli, and as plain values for the data browser.

import type { Reply } from '../api/types';

const DEPTH_MAX = 8;

function isReply(value: unknown): value is Reply {
  return typeof value === 'object' && value !== null && typeof (value as Reply).type === 'string';
}

function isBinary(value: unknown): value is { base64: string } {
  return typeof value === 'object' && value !== null && typeof (value as { base64?: unknown }).base64 === 'string';
}

export function text(value: unknown): string {
  if (isReply(value)) return text(value.value);
  if (isBinary(value)) return `base64:${value.base64}`;
  if (value === null || value === undefined) return '(nil)';
  return String(value);
}

// The items of an array, set, push, or (pairs, flat) of a map.
export function items(reply: Reply): unknown[] {
  if (!Array.isArray(reply.value)) return [];
  return reply.type === 'map' ? reply.value.flatMap((pair: unknown) => (Array.isArray(pair) ? pair : [pair])) : reply.value;
}

export function render(reply: unknown, indent = '', depth = 0): string {
  if (!isReply(reply)) return text(reply);
  switch (reply.type) {
    case 'nil':
      return '(nil)';
    case 'error':
      return `(error) ${text(reply.value)}`;
    case 'integer':
      return `(integer) ${text(reply.value)}`;
    case 'status':
    case 'double':
    case 'boolean':
      return text(reply.value);
    case 'array':
    case 'set':
    case 'map':
    case 'push':
      return renderList(reply, indent, depth);
    default:
      return isBinary(reply.value) ? `${text(reply.value)}` : JSON.stringify(text(reply.value));
  }
}

function renderList(reply: Reply, indent: string, depth: number): string {
  const list = items(reply);
  if (list.length === 0) return `(empty ${reply.type})`;
  if (depth >= DEPTH_MAX) return '...';
  const width = String(list.length).length;
  return list
    .map((item, i) => {
      const number = `${String(i + 1).padStart(width)}) `;
      return (i ? indent : '') + number + render(item, indent + ' '.repeat(number.length), depth + 1);
    })
    .join('\n');
}
