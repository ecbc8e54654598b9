// The protocol as it happens: a ring of nodes, messages between them, and a film to stop and step in.

import { useEffect, useMemo, useState } from 'react';
import { rows } from '../state/cluster';
import { happenings, type Message, messagesBetween, stateAt } from '../state/film';
import { clock, count } from '../state/format';
import { baseKind, familyOf, isReply, legendKinds, termOf } from '../state/glossary';
import { advance, atStart, FLIGHT_MS, flown, jump, type Playback, range, SPEEDS, step } from '../state/playback';
import { flightPoint, HEIGHT, linkPath, NODE_RADIUS, nodePoint, WIDTH } from '../state/ring';
import { useEngine, useFrames } from './hooks';
import { Mark } from './Mark';

const DRAWN_MAX = 160; // messages in the air at once; more would be a smear

export function Raft() {
  const engine = useEngine();
  const [playback, setPlayback] = useState<Playback>(atStart);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [pointed, setPointed] = useState<Message>();
  useEffect(() => engine.wantFilm(), [engine]);
  useFrames((elapsed) => setPlayback((p) => advance(p, elapsed, engine.now())));

  const shown = (kind: string) => !hidden.has(baseKind(kind));
  const air = messagesBetween(engine.film, playback.at - 2 * FLIGHT_MS, playback.at + 1)
    .filter((message) => shown(message.kind) && flown(message, playback.at) !== undefined)
    .slice(-DRAWN_MAX);
  const stepBy = (direction: 1 | -1) =>
    setPlayback((p) => step(p, engine.film, direction, engine.now(), shown));

  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (event.target instanceof HTMLInputElement || event.target instanceof HTMLButtonElement) return;
      if (event.key === ' ') setPlayback((p) => ({ ...p, paused: !p.paused, live: false }));
      else if (event.key === 'ArrowLeft') stepBy(-1);
      else if (event.key === 'ArrowRight') stepBy(1);
      else if (event.key === 'l') setPlayback(atStart);
      else return;
      event.preventDefault();
    };
    window.addEventListener('keydown', key);
    return () => window.removeEventListener('keydown', key);
  });

  return (
    <div className="raft" data-heartbeats={engine.film.seen['heartbeat'] ?? 0}>
      <section className="card stage">
        <Ring air={air} playback={playback} onPoint={setPointed} pointed={pointed} />
        <Transport playback={playback} set={setPlayback} stepBy={stepBy} />
      </section>
      <aside>
        <Filter hidden={hidden} set={setHidden} />
        <InTheAir air={playback.paused ? air : []} pointed={pointed} />
        <Happenings onJump={(at) => setPlayback((p) => jump(p, at + 1))} />
      </aside>
    </div>
  );
}

interface RingProps {
  air: Message[];
  playback: Playback;
  pointed: Message | undefined;
  onPoint: (message: Message | undefined) => void;
}

function Ring({ air, playback, pointed, onPoint }: RingProps) {
  const engine = useEngine();
  const list = rows(engine.cluster, Date.now());
  const place = new Map(list.map((row, i) => [row.id, nodePoint(i, list.length)]));
  const tip = pointed && air.includes(pointed) ? pointed : undefined;

  return (
    <svg className="ring" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label="the nodes and the messages between them">
      {list.flatMap((a) =>
        list
          .filter((b) => b.id !== a.id)
          .map((b) => <path key={`${a.id}-${b.id}`} className="link" d={linkPath(place.get(a.id)!, place.get(b.id)!)} />),
      )}
      {list.map((row) => {
        const past = stateAt(engine.film, row.id, playback.at);
        const role = playback.live && !row.up ? 'down' : (past?.role ?? row.view?.role ?? 'unknown');
        const point = place.get(row.id)!;
        return (
          <g key={row.id} className={`seat ${role}`} transform={`translate(${point.x} ${point.y})`} data-node={row.id}>
            <circle r={NODE_RADIUS} />
            <text className="name" y="-11">{row.label}</text>
            <text className="what" y="5">{role === 'down' ? 'no answer' : role}</text>
            <text className="term" y="21">term {past?.term ?? row.view?.term ?? '–'}</text>
            <text className="indexes" y={point.y < HEIGHT / 2 ? -NODE_RADIUS - 8 : NODE_RADIUS + 15}>
              {count(past?.commit ?? row.view?.commit_index)} of {count(past?.last ?? row.view?.log.last)} committed
            </text>
          </g>
        );
      })}
      {air.map((message) => {
        const from = place.get(message.from);
        const to = place.get(message.to);
        if (!from || !to) return null;
        const p = flightPoint(from, to, flown(message, playback.at)!);
        return (
          <g
            key={message.seq}
            className={`message ${familyOf(message.kind)}`}
            data-kind={message.kind}
            data-seq={message.seq}
            transform={`translate(${p.x.toFixed(1)} ${p.y.toFixed(1)})`}
            onPointerEnter={() => onPoint(message)}
            onPointerLeave={() => onPoint(undefined)}
          >
            <circle className="reach" r="13" />
            <Mark kind={message.kind} />
          </g>
        );
      })}
      {tip && <Tip message={tip} at={playback.at} place={place} />}
    </svg>
  );
}

function Tip({ message, at, place }: { message: Message; at: number; place: Map<number, { x: number; y: number }> }) {
  const p = flightPoint(place.get(message.from)!, place.get(message.to)!, flown(message, at) ?? 0);
  const x = Math.min(Math.max(p.x, 80), WIDTH - 80);
  return (
    <g className="tip" transform={`translate(${x} ${Math.max(p.y - 34, 24)})`}>
      <rect x="-78" y="-20" width="156" height="38" rx="5" />
      <text y="-5">{termOf(message.kind).name}</text>
      <text y="10">{facts(message)}</text>
    </g>
  );
}

function facts(message: Message): string {
  const entries = message.entries > 0 ? ` · ${message.entries} entries` : '';
  return `term ${message.term} · index ${count(message.index)}${entries}`;
}

interface TransportProps {
  playback: Playback;
  set: (change: (p: Playback) => Playback) => void;
  stepBy: (direction: 1 | -1) => void;
}

function Transport({ playback, set, stepBy }: TransportProps) {
  const engine = useEngine();
  const { start, end } = range(engine.film, engine.now());
  const behind = Math.max(0, (end - playback.at) / 1000);
  return (
    <div className="transport" data-paused={playback.paused} data-at={playback.at.toFixed(1)}>
      <button onClick={() => stepBy(-1)} aria-label="step back" title="step back (←)">‹</button>
      <button
        className="primary"
        onClick={() => set((p) => ({ ...p, paused: !p.paused, live: false }))}
        title="pause and go on (space)"
      >
        {playback.paused ? 'Play' : 'Pause'}
      </button>
      <button onClick={() => stepBy(1)} aria-label="step on" title="step on (→)">›</button>
      <label className="scrub">
        <span className="hidden">time</span>
        <input
          type="range" min={start} max={end} step="1" value={Math.min(Math.max(playback.at, start), end)}
          onChange={(event) => set((p) => jump(p, Number(event.target.value)))}
        />
      </label>
      <select
        aria-label="speed" value={playback.speed}
        onChange={(event) => set((p) => ({ ...p, speed: Number(event.target.value), paused: false }))}
      >
        {SPEEDS.map((speed) => (
          <option key={speed} value={speed}>{speed === 1 ? 'full speed' : `1/${Math.round(1 / speed)} speed`}</option>
        ))}
      </select>
      <button onClick={() => set(() => atStart)} disabled={playback.live} title="to the present (l)">Live</button>
      <output>{playback.at > 0 ? clock(playback.at) : ''} {playback.live ? 'live' : `−${behind.toFixed(1)} s`}</output>
    </div>
  );
}

function Filter({ hidden, set }: { hidden: ReadonlySet<string>; set: (hidden: Set<string>) => void }) {
  const engine = useEngine();
  const toggle = (kind: string) => {
    const next = new Set(hidden);
    if (!next.delete(kind)) next.add(kind);
    set(next);
  };
  return (
    <section className="card legend">
      <h2>What flies</h2>
      {legendKinds.map((kind) => (
        <label key={kind} className={familyOf(kind)}>
          <input type="checkbox" checked={!hidden.has(kind)} onChange={() => toggle(kind)} />
          <svg viewBox="-10 -10 20 20" width="20" height="20" className={`message ${familyOf(kind)}`}>
            <Mark kind={kind} />
          </svg>
          <span>
            <b>{termOf(kind).name}</b> <i>{count(engine.film.seen[kind] ?? 0)}</i>
            <small>{termOf(kind).explanation}</small>
          </span>
        </label>
      ))}
      <p className="note">
        Hollow: the answer. Flights are drawn much slower than they are, an answer one flight after its question. Each
        node tells a sample of its messages; left out: {count(engine.film.dropped)}.
      </p>
    </section>
  );
}

function InTheAir({ air, pointed }: { air: Message[]; pointed: Message | undefined }) {
  if (air.length === 0) return null;
  return (
    <section className="card air">
      <h2>In the air</h2>
      <ul>
        {air.slice(0, 12).map((message) => (
          <li key={message.seq} className={message === pointed ? 'pointed' : ''}>
            <b>{termOf(message.kind).name}</b> {message.from} → {message.to} <span>{facts(message)}</span>
            {isReply(message.kind) && <small> {termOf(message.kind).explanation}</small>}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Happenings({ onJump }: { onJump: (at: number) => void }) {
  const { film, version } = useEngine();
  const list = useMemo(() => happenings(film).slice(-12).reverse(), [film, version]);
  return (
    <section className="card happenings">
      <h2>What happened</h2>
      {list.length === 0 && <p className="empty">No election and no change of a role in the last minute.</p>}
      <ol>
        {list.map((h) => (
          <li key={`${h.at} ${h.node}`} className={h.kind}>
            <button onClick={() => onJump(h.at)} title="look at this moment">{clock(h.at)}</button> {h.text}
          </li>
        ))}
      </ol>
    </section>
  );
}
