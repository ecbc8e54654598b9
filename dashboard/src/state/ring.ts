// Where nodes stand on the ring, and where a message between two of them is.

export interface Point {
  x: number;
  y: number;
}

export const WIDTH = 480;
export const HEIGHT = 400;
export const NODE_RADIUS = 40;
const CENTRE: Point = { x: WIDTH / 2, y: HEIGHT / 2 + 8 };
const RADIUS = 140;
const BEND = 0.14; // of a path's length, to its left: the two directions do not lie on each other

export function nodePoint(position: number, count: number): Point {
  if (count <= 1) return CENTRE;
  const angle = (2 * Math.PI * position) / count - Math.PI / 2;
  return { x: CENTRE.x + RADIUS * Math.cos(angle), y: CENTRE.y + RADIUS * Math.sin(angle) };
}

function bendPoint(a: Point, b: Point): Point {
  return {
    x: (a.x + b.x) / 2 + (b.y - a.y) * BEND,
    y: (a.y + b.y) / 2 - (b.x - a.x) * BEND,
  };
}

// A quadratic curve from rim to rim; share from 0 to 1.
export function flightPoint(a: Point, b: Point, share: number): Point {
  const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const rim = Math.min(0.4, NODE_RADIUS / length);
  const s = rim + share * (1 - 2 * rim);
  const c = bendPoint(a, b);
  const u = 1 - s;
  return {
    x: u * u * a.x + 2 * u * s * c.x + s * s * b.x,
    y: u * u * a.y + 2 * u * s * c.y + s * s * b.y,
  };
}

export function linkPath(a: Point, b: Point): string {
  const c = bendPoint(a, b);
  return `M${round(a.x)} ${round(a.y)}Q${round(c.x)} ${round(c.y)} ${round(b.x)} ${round(b.y)}`;
}

function round(n: number): number {
  return Math.round(n * 10) / 10;
}
