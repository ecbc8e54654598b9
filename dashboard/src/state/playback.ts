// Where in the film the page is: live, slower than life, or standing still.

import { FILM_MS, type Film, type Message, filmStart } from './film';
import { isReply } from './glossary';

export const BEHIND_MS = 350; // live runs this much behind, so that the word of every node is there
export const FLIGHT_MS = 700; // how long a flight is drawn; in truth a fraction of a millisecond
export const SPEEDS = [1, 0.5, 0.2, 0.05] as const;

export interface Playback {
  at: number;
  speed: number;
  paused: boolean;
  live: boolean; // follows the end of the film
}

export const atStart: Playback = { at: 0, speed: 1, paused: false, live: true };

export function advance(p: Playback, elapsedMs: number, now: number): Playback {
  const end = now - BEHIND_MS;
  if (p.paused) return p.at < now - FILM_MS ? { ...p, at: now - FILM_MS } : p;
  if (p.live && p.speed === 1) return { ...p, at: end };
  const at = Math.max(p.at + elapsedMs * p.speed, now - FILM_MS);
  return at >= end ? { ...p, at: end, live: true } : { ...p, at, live: false };
}

// Replies are drawn one flight later than they were sent, so that a question arrives before its answer.
export function departure(message: Message): number {
  return message.at + (isReply(message.kind) ? FLIGHT_MS : 0);
}

// How far a message has flown, from 0 to 1; undefined when it is not in the air.
export function flown(message: Message, at: number): number | undefined {
  const share = (at - departure(message)) / FLIGHT_MS;
  return share >= 0 && share <= 1 ? share : undefined;
}

// To the middle of the next flight, or of the one before; stands still there.
export function step(p: Playback, film: Film, direction: 1 | -1, now: number, shown: (kind: string) => boolean): Playback {
  let best: number | undefined;
  for (const message of film.messages) {
    if (!shown(message.kind)) continue;
    const middle = departure(message) + FLIGHT_MS / 2;
    const ahead = (middle - p.at) * direction;
    if (ahead <= 0.001 || middle > now) continue;
    if (best === undefined || ahead < (best - p.at) * direction) best = middle;
  }
  return best === undefined ? { ...p, paused: true, live: false } : jump(p, best);
}

export function jump(p: Playback, at: number): Playback {
  return { ...p, at, paused: true, live: false };
}

export function range(film: Film, now: number): { start: number; end: number } {
  const end = now - BEHIND_MS;
  return { start: Math.min(Math.max(filmStart(film), now - FILM_MS), end), end };
}
