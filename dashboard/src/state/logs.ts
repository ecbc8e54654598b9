// The ends of the nodes' logs side by side: what each node has at each index, and what was replaced.

import type { LogEntry, LogWindow } from '../api/types';

export const ROWS_MAX = 40;
const REPLACED_MAX = 20;

export interface Replaced {
  node: number;
  index: number;
  was: number; // terms
  became: number | undefined; // undefined: cut off, nothing in its place yet
  at: number;
}

export interface Logs {
  windows: Record<number, LogWindow>;
  replaced: Replaced[]; // the newest first
}

export const noLogs: Logs = { windows: {}, replaced: [] };

export function addWindow(logs: Logs, node: number, window: LogWindow, now: number): Logs {
  const before = logs.windows[node];
  const found = before ? replacements(node, before, window, now) : [];
  return {
    windows: { ...logs.windows, [node]: window },
    replaced: [...found.reverse(), ...logs.replaced].slice(0, REPLACED_MAX),
  };
}

// Entries that were there and are now others, or gone from the end. Gone from the front is compaction.
function replacements(node: number, before: LogWindow, after: LogWindow, at: number): Replaced[] {
  const now = new Map(after.entries.map((entry) => [entry.index, entry]));
  const list: Replaced[] = [];
  for (const entry of before.entries) {
    const other = now.get(entry.index);
    if (other && other.term !== entry.term)
      list.push({ node, index: entry.index, was: entry.term, became: other.term, at });
    else if (!other && entry.index > after.last)
      list.push({ node, index: entry.index, was: entry.term, became: undefined, at });
  }
  return list;
}

export interface Cell {
  entry: LogEntry | undefined; // undefined: not there, or not in the window
  beyond: boolean; // the log ends before this index
  committed: boolean;
  applied: boolean;
  differs: boolean; // another node has another term at this index
}

export interface LogRow {
  index: number;
  cells: Cell[]; // in the order of the nodes
}

export function sideBySide(logs: Logs, nodes: readonly number[]): LogRow[] {
  const windows = nodes.map((node) => logs.windows[node]);
  const last = Math.max(0, ...windows.map((window) => window?.last ?? 0));
  const first = Math.max(1, last - ROWS_MAX + 1, Math.min(...windows.map((window) => window?.first ?? Infinity)));
  const maps = windows.map((window) => new Map(window?.entries.map((entry) => [entry.index, entry])));
  const list: LogRow[] = [];
  for (let index = last; index >= first && Number.isFinite(first); index--) {
    const found = maps.map((map) => map.get(index));
    const terms = new Set(found.filter((entry) => entry !== undefined).map((entry) => entry.term));
    list.push({
      index,
      cells: found.map((entry, i) => ({
        entry,
        beyond: index > (windows[i]?.last ?? 0),
        committed: entry !== undefined && index <= (windows[i]?.commit ?? 0),
        applied: entry !== undefined && index <= (windows[i]?.applied ?? 0),
        differs: entry !== undefined && terms.size > 1,
      })),
    });
  }
  return list;
}

// Neighbouring terms look different; the same term looks the same on each node.
export function termHue(term: number): number {
  return Math.round((term * 137.5 + 200) % 360);
}
