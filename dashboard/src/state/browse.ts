// Which commands show a value of each type, and how its pieces are laid out.

import type { Reply } from '../api/types';
import { items, text } from './reply';

export const PIECES_MAX = 100; // of a collection; a value may have millions
export const TEXT_MAX = 4096; // bytes of a string

export function peekCommand(type: string, key: string): string[] | undefined {
  switch (type) {
    case 'string':
      return ['GETRANGE', key, '0', String(TEXT_MAX - 1)];
    case 'list':
      return ['LRANGE', key, '0', String(PIECES_MAX - 1)];
    case 'zset':
      return ['ZRANGE', key, '0', String(PIECES_MAX - 1), 'WITHSCORES'];
    case 'hash':
      return ['HSCAN', key, '0', 'COUNT', String(PIECES_MAX)];
    case 'set':
      return ['SSCAN', key, '0', 'COUNT', String(PIECES_MAX)];
    case 'stream':
      return ['XRANGE', key, '-', '+', 'COUNT', String(PIECES_MAX)];
    default:
      return undefined;
  }
}

export interface Table {
  columns: string[];
  rows: string[][];
}

export function tableOf(type: string, reply: Reply): Table {
  if (reply.type === 'error') return { columns: ['error'], rows: [[text(reply)]] };
  switch (type) {
    case 'list':
      return { columns: ['index', 'element'], rows: items(reply).map((item, i) => [String(i), text(item)]) };
    case 'zset':
      return { columns: ['member', 'score'], rows: pairs(reply) };
    case 'hash':
      return { columns: ['field', 'value'], rows: pairs(scanned(reply)) };
    case 'set':
      return { columns: ['member'], rows: items(scanned(reply)).map((item) => [text(item)]) };
    case 'stream':
      return { columns: ['id', 'fields'], rows: items(reply).map((item) => entry(item as Reply)) };
    default:
      return { columns: ['value'], rows: [[text(reply)]] };
  }
}

// SCAN and its kin answer with a cursor and a list.
export function scanned(reply: Reply): Reply {
  const list = items(reply)[1];
  return (list as Reply | undefined) ?? { type: 'array', value: [] };
}

export function cursorOf(reply: Reply): string {
  return text(items(reply)[0]);
}

// Pairs flat (RESP2) or nested (RESP3).
function pairs(reply: Reply): string[][] {
  const flat = items(reply).flatMap((item) => {
    const inner = items(item as Reply);
    return inner.length > 0 ? inner : [item];
  });
  const rows: string[][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) rows.push([text(flat[i]), text(flat[i + 1])]);
  return rows;
}

function entry(reply: Reply): string[] {
  const [id, fields] = items(reply);
  return [text(id), pairs((fields as Reply | undefined) ?? { type: 'array', value: [] }).map(([f, v]) => `${f}=${v}`).join('  ')];
}
