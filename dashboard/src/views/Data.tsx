import { type FormEvent, useCallback, useEffect, useState } from 'react';
import type { Engine } from '../engine';
import { reason } from '../engine';
import { cursorOf, PIECES_MAX, peekCommand, scanned, type Table, tableOf } from '../state/browse';
import { bytes, count, duration } from '../state/format';
import { items, text } from '../state/reply';
import { useEngine } from './hooks';

const PAGE = 50; // keys asked for at a time

interface Key {
  name: string;
  type: string;
  ttl: string;
  size: string;
}

export function Data() {
  const engine = useEngine();
  const [pattern, setPattern] = useState('*');
  const [keys, setKeys] = useState<Key[]>([]);
  const [cursor, setCursor] = useState('0');
  const [chosen, setChosen] = useState<Key>();
  const [trouble, setTrouble] = useState('');

  const scan = useCallback(
    async (from: string, match: string) => {
      try {
        const found = await page(engine, from, match);
        setKeys((old) => (from === '0' ? found.keys : [...old, ...found.keys]));
        setCursor(found.cursor);
        setTrouble('');
      } catch (error) {
        setTrouble(reason(error));
      }
    },
    [engine],
  );
  useEffect(() => void scan('0', '*'), [scan]);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    void scan('0', pattern || '*');
  };

  return (
    <div className="data">
      <section className="card">
        <form onSubmit={submit} className="prompt">
          <label htmlFor="pattern">Keys that match</label>
          <div>
            <input id="pattern" value={pattern} onChange={(event) => setPattern(event.target.value)} spellCheck={false} />
            <button className="primary">Scan</button>
          </div>
        </form>
        {trouble && <p role="alert" className="trouble">{trouble}</p>}
        <div className="scroll">
          <table>
            <thead><tr><th>key</th><th>type</th><th>expires</th><th>size</th></tr></thead>
            <tbody>
              {keys.map((key) => (
                <tr key={key.name} className={key.name === chosen?.name ? 'chosen' : ''}>
                  <td><button className="plain" onClick={() => setChosen(key)}>{key.name}</button></td>
                  <td>{key.type}</td><td>{key.ttl}</td><td>{key.size}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        {keys.length === 0 && !trouble && <p className="empty">No key matches.</p>}
        {cursor !== '0' && <button onClick={() => void scan(cursor, pattern || '*')}>More keys</button>}
      </section>
      {chosen && <Value key={chosen.name} chosen={chosen} />}
    </div>
  );
}

async function page(engine: Engine, cursor: string, match: string): Promise<{ keys: Key[]; cursor: string }> {
  const { reply } = await engine.command(['SCAN', cursor, 'MATCH', match, 'COUNT', String(PAGE)]);
  if (reply.type === 'error') throw new Error(text(reply));
  const names = items(scanned(reply)).map(text);
  return { keys: await Promise.all(names.map((name) => describe(engine, name))), cursor: cursorOf(reply) };
}

async function describe(engine: Engine, name: string): Promise<Key> {
  const [type, ttl, size] = await Promise.all(
    [['TYPE', name], ['PTTL', name], ['MEMORY', 'USAGE', name]].map((argv) => engine.command(argv)),
  );
  const left = Number(ttl!.reply.value);
  return {
    name,
    type: text(type!.reply),
    ttl: left === -1 ? 'never' : left < 0 ? 'gone' : `in ${duration(left / 1000)}`,
    size: size!.reply.type === 'integer' ? bytes(Number(size!.reply.value)) : '–',
  };
}

function Value({ chosen }: { chosen: Key }) {
  const engine = useEngine();
  const [table, setTable] = useState<Table>();
  useEffect(() => {
    const argv = peekCommand(chosen.type, chosen.name);
    if (!argv) return setTable({ columns: ['value'], rows: [[`a ${chosen.type} is not shown here`]] });
    engine
      .command(argv)
      .then(({ reply }) => setTable(tableOf(chosen.type, reply)))
      .catch((error: unknown) => setTable({ columns: ['error'], rows: [[reason(error)]] }));
  }, [engine, chosen]);
  return (
    <section className="card value">
      <h2><code>{chosen.name}</code></h2>
      <p className="note">{chosen.type} · {chosen.size} · expires: {chosen.ttl}</p>
      {table && (
        <div className="scroll">
          <table>
            <thead><tr>{table.columns.map((column) => <th key={column}>{column}</th>)}</tr></thead>
            <tbody>
              {table.rows.map((row, i) => <tr key={i}>{row.map((cell, j) => <td key={j}><code>{cell}</code></td>)}</tr>)}
            </tbody>
          </table>
        </div>
      )}
      {table && table.rows.length >= PIECES_MAX && <p className="note">The first {count(table.rows.length)} are shown.</p>}
    </section>
  );
}
