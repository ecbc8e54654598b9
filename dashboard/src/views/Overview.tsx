import type { ReactNode } from 'react';
import type { Percentiles } from '../api/types';
import { type NodeRow, rows } from '../state/cluster';
import { ago, bytes, count, duration, micros } from '../state/format';
import { useEngine } from './hooks';

export function Overview() {
  const { cluster } = useEngine();
  const list = rows(cluster, Date.now());
  const leader = list.find((row) => row.leads);
  return (
    <div className="nodes">
      {list.map((row) => (
        <NodeCard key={row.id} row={row} contact={contact(row, leader)} />
      ))}
      {list.length === 0 && <p className="empty">No node has answered yet.</p>}
    </div>
  );
}

function contact(row: NodeRow, leader: NodeRow | undefined): string {
  if (row.leads) return 'leads';
  return ago(leader?.view?.members.find((member) => member.id === row.id)?.last_contact_ms);
}

function NodeCard({ row, contact }: { row: NodeRow; contact: string }) {
  const view = row.view;
  const role = row.up ? (view?.role ?? 'unknown') : 'no answer';
  return (
    <article className={`card node ${row.up ? '' : 'down'}`} data-node={row.id} data-role={role}>
      <h2>
        {row.label} <span className={`role ${role.replace(' ', '-')}`}>{role}</span>
      </h2>
      <p className="address">
        {row.member ? `${row.member.host}${row.member.port ? `:${row.member.port}` : ''}` : row.seat?.origin}
        {view && ` · ${view.version}`}
        {view && row.up && ` · up ${duration(view.uptime_s)}`}
      </p>
      {!row.up && (
        <p className="trouble">
          {row.seat ? row.seat.trouble || 'Not heard yet.' : 'It serves no HTTP that this page could ask.'}
          {view && ' Below is what it said last.'}
        </p>
      )}
      {view && (
        <dl>
          <Fact name="term" value={count(view.term)} />
          <Fact name="leader" value={view.leader ? `node ${view.leader}` : 'none known'} />
          <Fact name="committed" value={count(view.commit_index)} />
          <Fact name="applied" value={count(view.last_applied)} />
          <Fact name="lag" value={row.lag === undefined ? '–' : `${count(row.lag)} entries`} />
          <Fact name="heard by leader" value={contact} />
          <Fact name="log" value={`${bytes(view.log.bytes)}, ${count(view.log.last - view.log.first + 1)} entries`} />
          <Fact name="operations" value={`${count(view.ops_per_s)} /s`} />
          <Fact name={`read${since(view.window_s)}`} value={percentiles(view.latency_us?.read)} wide />
          <Fact name={`write${since(view.window_s)}`} value={percentiles(view.latency_us?.write)} wide />
          {view.cache && <Fact name="cache" value={`${bytes(view.cache.bytes)} of ${bytes(view.cache.limit)}`} />}
          {view.disk && <Fact name="disk free" value={`${bytes(view.disk.free)} (${view.disk.state})`} />}
          {view.memory && <Fact name="memory" value={bytes(view.memory.rss)} />}
          <Fact name="keys" value={count(view.keys)} />
        </dl>
      )}
      {row.up && view && (
        <p className={`health ${view.health.length ? 'ill' : ''}`}>{view.health[0] ?? 'Healthy.'}</p>
      )}
    </article>
  );
}

function Fact({ name, value, wide }: { name: string; value: ReactNode; wide?: boolean }) {
  return (
    <div className={wide ? 'wide' : ''}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function since(seconds: number | undefined): string {
  return seconds === undefined ? '' : `, last ${duration(seconds)}`;
}

function percentiles(p: Percentiles | undefined): string {
  if (!p) return '–';
  return `p50 ${micros(p.p50)} · p99 ${micros(p.p99)} · p99.9 ${micros(p.p999)}`;
}
