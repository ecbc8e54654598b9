import { type FormEvent, type KeyboardEvent, useRef, useState } from 'react';
import type { CommandAnswer, Step } from '../api/types';
import { reason } from '../engine';
import { clock, count, micros } from '../state/format';
import { render } from '../state/reply';
import { words } from '../state/words';
import { useEngine } from './hooks';

const KEPT_MAX = 30;

interface Exchange {
  id: number;
  line: string;
  answer: CommandAnswer | undefined;
  trouble: string;
}

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
      setList((all) => [{ id, line, answer: undefined, trouble: '' }, ...all].slice(0, KEPT_MAX));
      setLine('');
      finish(id, { answer: await engine.command(argv) });
    } catch (error) {
      setList((all) => (all.some((e) => e.id === id) ? all : [{ id, line, answer: undefined, trouble: '' }, ...all]));
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
          {exchange.answer && <Steps answer={exchange.answer} />}
          {!exchange.answer && !exchange.trouble && <p className="empty">waiting for the answer</p>}
        </article>
      ))}
    </div>
  );
}

const meanings: Record<string, string> = {
  received: 'read from the connection',
  proposed: 'given an index in the leader’s log',
  persisted: 'on disk',
  committed: 'on the disks of a majority: it cannot be lost any more',
  applied: 'executed',
  answered: 'the reply left',
};

function Steps({ answer }: { answer: CommandAnswer }) {
  const steps = [...(answer.steps ?? [])].sort((a, b) => a.t - b.t);
  const first = steps[0];
  const last = steps.at(-1);
  if (!first || !last) return <p className="note">Took {micros(answer.took_us)}.</p>;
  const whole = Math.max(1, last.t - first.t);
  const share = (step: Step) => `${((step.t - first.t) / whole) * 100}%`;
  return (
    <ol className="steps">
      {steps.map((step, i) => (
        <li key={i}>
          <b>{step.step}{step.node !== undefined && ` on node ${step.node}`}</b>
          <span className="line"><i style={{ left: share(step) }} /></span>
          <span className="when" title={clock(step.t / 1000)}>+{micros(step.t - first.t)}</span>
          <small>
            {meanings[step.step] ?? ''}
            {step.index ? ` · index ${count(step.index)}` : ''}
          </small>
        </li>
      ))}
    </ol>
  );
}
