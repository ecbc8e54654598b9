// The way of one write: what the answering node tells, and when each node had it on its disk.

import type { Step } from '../api/types';

export interface Persisted {
  node: number;
  t: number | undefined; // by that node's own clock; undefined: it does not say
}

// In the order of their times, the first one first whatever other nodes' clocks say.
export function wayOf(steps: readonly Step[], persisted: readonly Persisted[]): Step[] {
  const index = steps.find((step) => step.index !== undefined)?.index;
  const known = persisted.filter((one) => one.t !== undefined);
  const own = known.length > 0 ? steps.filter((step) => step.step !== 'persisted') : [...steps];
  const disks = known.map(({ node, t }): Step => ({ step: 'persisted', t: t!, node, ...(index !== undefined && { index }) }));
  const [first, ...rest] = own;
  return first ? [first, ...[...rest, ...disks].sort((a, b) => a.t - b.t)] : [];
}

// Where between first and last a step is drawn, 0 to 1.
export function shareOf(step: Step, way: readonly Step[]): number {
  const first = way[0]?.t ?? 0;
  const whole = Math.max(1, ...way.map((one) => one.t - first));
  return Math.max(0, step.t - first) / whole;
}

export function silent(persisted: readonly Persisted[]): number[] {
  return persisted.filter((one) => one.t === undefined).map((one) => one.node);
}
