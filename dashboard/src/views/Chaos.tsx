// Break it: what happens to the cluster when nodes die, hang, or lose their links.

import { useEffect, useState } from 'react';
import type { ChaosOrder } from '../api/types';
import { reason } from '../engine';
import { leaderOf, rows } from '../state/cluster';
import { useEngine } from './hooks';

export function Chaos() {
  const engine = useEngine();
  const [said, setSaid] = useState('');
  const [from, setFrom] = useState(0);
  const [to, setTo] = useState(0);
  useEffect(() => engine.wantFilm(), [engine]); // so that what is broken here can be seen in Raft's view
  const list = rows(engine.cluster, Date.now());
  const leader = leaderOf(engine.cluster, Date.now());
  const allowed = list.some((row) => row.view?.chaos);
  const kept = list.some((row) => row.up && row.view?.keeper);
  const unkept = kept ? undefined : 'needs a keeper beside the nodes';

  const order = (what: string, ...orders: ChaosOrder[]) => {
    setSaid(`${what} …`);
    Promise.all(orders.map((o) => engine.chaos(o)))
      .then(() => setSaid(`${what}: done`))
      .catch((error: unknown) => setSaid(`${what}: ${reason(error)}`));
  };

  if (!allowed)
    return (
      <section className="card">
        <h2>Break it</h2>
        <p>
          Off. With <code>chaos yes</code> in the configuration of the nodes, an administrator may kill, pause and cut off
          nodes from here and watch what the others do. Clusters that hold data of worth leave it off.
        </p>
      </section>
    );
  return (
    <div className="chaos">
      <p role="status" className="said">{said || 'Choose something to break, then watch it in the other views.'}</p>
      <div className="nodes">
        {list.map(({ id, label, up, view }) => (
          <article key={id} className="card" data-node={id}>
            <h2>{label} <span className={`role ${up ? view?.role : 'no-answer'}`}>{up ? view?.role : 'no answer'}</span></h2>
            <div className="buttons">
              <button className="danger" onClick={() => order(`kill node ${id}`, { action: 'kill', node: id })}>Kill</button>
              <button disabled={!kept || up} title={unkept} onClick={() => order(`start node ${id}`, { action: 'start', node: id })}>Start</button>
              <button disabled={!kept || !up} title={unkept} onClick={() => order(`pause node ${id}`, { action: 'pause', node: id })}>Pause</button>
              <button disabled={!kept || up} title={unkept} onClick={() => order(`resume node ${id}`, { action: 'resume', node: id })}>Resume</button>
              <button onClick={() => order(`isolate node ${id}`, { action: 'isolate', node: id })}>Isolate</button>
              <button onClick={() => order(`slow the disk of node ${id} by 50 ms`, { action: 'slow_disk', node: id, ms: 50 })}>Slow disk</button>
              <button onClick={() => order(`disk of node ${id} as fast as it is`, { action: 'slow_disk', node: id, ms: 0 })}>Disk at full speed</button>
              <button disabled={leader?.id === id} onClick={() => order(`hand leadership to node ${id}`, { action: 'transfer', node: id })}>Make leader</button>
            </div>
          </article>
        ))}
      </div>
      {!kept && (
        <p>
          Start, pause and resume need somebody outside of the node: a keeper, which <code>utils/start-cluster.sh --chaos</code> starts.
          Here a killed node comes back by whatever started it (its container, its service), or not at all.
        </p>
      )}
      <section className="card links">
        <h2>Links</h2>
        <div className="buttons">
          <NodeChoice name="from" value={from} set={setFrom} ids={list.map((row) => row.id)} />
          <NodeChoice name="to" value={to} set={setTo} ids={list.map((row) => row.id)} />
          <button disabled={!from || !to || from === to} onClick={() => order(`cut ${from} → ${to}`, { action: 'cut', from, to })}>Cut one way</button>
          <button
            disabled={!from || !to || from === to}
            onClick={() => order(`cut ${from} ↔ ${to}`, { action: 'cut', from, to }, { action: 'cut', from: to, to: from })}
          >
            Cut both ways
          </button>
          <button disabled={!leader} onClick={() => leader && order(`isolate the leader, node ${leader.id}`, { action: 'isolate', node: leader.id })}>
            Isolate the leader
          </button>
          <button className="primary" onClick={() => order('heal all', ...list.filter((r) => r.up).map((r) => ({ action: 'heal', node: r.id }) as const))}>
            Heal all
          </button>
        </div>
      </section>
    </div>
  );
}

function NodeChoice(props: { name: string; value: number; set: (id: number) => void; ids: number[] }) {
  return (
    <label>
      {props.name}{' '}
      <select value={props.value} onChange={(event) => props.set(Number(event.target.value))}>
        <option value={0}>node …</option>
        {props.ids.map((id) => <option key={id} value={id}>node {id}</option>)}
      </select>
    </label>
  );
}
