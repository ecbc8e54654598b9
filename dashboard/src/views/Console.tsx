import { type FormEvent, type KeyboardEvent, useRef, useState } from 'react';
import type { CommandAnswer } from '../api/types';
import { reason } from '../engine';
import { clock, count, micros } from '../state/format';
import { render } from '../state/reply';
import { type Persisted, shareOf, silent, wayOf } from '../state/steps';
import { words } from '../state/words';
import { useEngine } from './hooks';

const KEPT_MAX = 30;

interface Exchange {
  id: number;
  line: string;
  answer: CommandAnswer | undefined;
  trouble: string;
  persisted: Persisted[];
}

const fresh = { answer: undefined, trouble: '', persisted: [] };

export function Console() {
  const engine = useEngine();
  const [list, setList] = useState<Exchange[]>([]);
  const [line, setLine] = useState('');
  const next = useRef(1);
  const recalled = useRef(-1);

  const finish = (id: number, change: Partial<Exchange>) =>
    setList((all) => all.map((exchange) => (exchange.id === id ? { ...exchange, ...change } : exchange)));

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const id = next.current++;
    recalled.current = -1;
    try {
      const argv = words(line);
      if (argv.length === 0) return;
      setList((all) => [{ ...fresh, id, line }, ...all].slice(0, KEPT_MAX));
      setLine('');
      const answer = await engine.command(argv);
      finish(id, { answer });
      const index = answer.steps?.find((step) => step.index !== undefined)?.index;
      if (index !== undefined) finish(id, { persisted: await engine.whoPersisted(index) });
    } catch (error) {
      setList((all) => (all.some((e) => e.id === id) ? all : [{ ...fresh, id, line }, ...all]));
      finish(id, { trouble: reason(error) });
    }
  };

  const recall = (event: KeyboardEvent) => {
    const direction = event.key === 'ArrowUp' ? 1 : event.key === 'ArrowDown' ? -1 : 0;
    if (direction === 0) return;
    recalled.current = Math.max(-1, Math.min(list.length - 1, recalled.current + direction));
    setLine(list[recalled.current]?.line ?? '');
    event.preventDefault();
  };

  return (
    <div className="console">
      <form className="card prompt" onSubmit={(event) => void submit(event)}>
        <label htmlFor="line">Any command, as in redis-cli. It runs with your rights, on the node this page speaks through.</label>
        <div>
          <input
            id="line" value={line} onChange={(event) => setLine(event.target.value)} onKeyDown={recall}
            placeholder='SET greeting "hello"' autoComplete="off" autoCapitalize="off" spellCheck={false} autoFocus
          />
          <button className="primary">Send</button>
        </div>
      </form>
      {list.map((exchange) => (
        <article key={exchange.id} className="card exchange">
          <h2><code>{exchange.line}</code></h2>
          {exchange.trouble && <p role="alert" className="trouble">{exchange.trouble}</p>}
          {exchange.answer && <pre>{render(exchange.answer.reply)}</pre>}
          {exchange.answer && <Steps answer={exchange.answer} persisted={exchange.persisted} />}
          {!exchange.answer && !exchange.trouble && <p className="empty">waiting for the answer</p>}
        </article>
      ))}
    </div>
  );
}

const meanings: Record<string, string> = {
  received: 'read from the connection',
  proposed: 'given an index in the leader’s log',
  persisted: 'on disk, by the clock of that node',
  committed: 'on the disks of a majority: it cannot be lost any more',
  applied: 'executed',
  answered: 'the reply left',
};

function Steps({ answer, persisted }: { answer: CommandAnswer; persisted: Persisted[] }) {
  const way = wayOf(answer.steps ?? [], persisted);
  const first = way[0];
  if (!first) return <p className="note">Took {micros(answer.took_us)}.</p>;
  const unsaid = silent(persisted);
  return (
    <>
      <ol className="steps">
        {way.map((step, i) => (
          <li key={i}>
            <b>{step.step}{step.node !== undefined && ` on node ${step.node}`}</b>
            <span className="line"><i style={{ left: `${shareOf(step, way) * 100}%` }} /></span>
            <span className="when" title={clock(step.t / 1000)}>
              {step.t < first.t ? `−${micros(first.t - step.t)}` : `+${micros(step.t - first.t)}`}
            </span>
            <small>
              {meanings[step.step] ?? ''}
              {step.index ? ` · index ${count(step.index)}` : ''}
            </small>
          </li>
        ))}
      </ol>
      {unsaid.length > 0 && (
        <p className="note">Node {unsaid.join(' and node ')} did not say when it was on disk there: down, behind, or it was too long ago.</p>
      )}
    </>
  );
}
