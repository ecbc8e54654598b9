import { useEffect } from 'react';
import type { CSSProperties } from 'react';
import { rows } from '../state/cluster';
import { clock, count } from '../state/format';
import { type Cell, sideBySide, termHue } from '../state/logs';
import { useEngine } from './hooks';

export function Logs() {
  const engine = useEngine();
  useEffect(() => engine.wantLogs(), [engine]);
  const nodes = rows(engine.cluster, Date.now());
  const list = sideBySide(engine.logs, nodes.map((node) => node.id));
  return (
    <div className="log">
      <p className="note">
        Colour: the term. <b>●</b> committed and applied, <b>◐</b> committed, <b>○</b> not yet committed. Framed in red:
        nodes differ there; what is not committed may be replaced, what is committed never is.
      </p>
      {engine.logs.replaced.length > 0 && (
        <section className="card">
          <h2>Replaced</h2>
          <ol className="replaced">
            {engine.logs.replaced.map((r) => (
              <li key={`${r.node} ${r.index} ${r.at}`}>
                {clock(r.at)} node {r.node}, index {count(r.index)}: the entry of term {r.was}{' '}
                {r.became === undefined ? 'was cut off' : `gave way to one of term ${r.became}`}
              </li>
            ))}
          </ol>
        </section>
      )}
      <div className="scroll">
        <table>
          <thead>
            <tr>
              <th>index</th>
              {nodes.map((node) => (
                <th key={node.id}>
                  {node.label} <small>{node.up ? node.view?.role : 'no answer, as last seen'}</small>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {list.map((row) => (
              <tr key={row.index}>
                <th>{count(row.index)}</th>
                {row.cells.map((cell, i) => <EntryCell key={nodes[i]!.id} cell={cell} />)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {list.length === 0 && <p className="empty">No log was read yet.</p>}
    </div>
  );
}

function EntryCell({ cell }: { cell: Cell }) {
  const entry = cell.entry;
  if (!entry) return <td className="nothing">{cell.beyond ? '' : '·'}</td>;
  const mark = cell.applied ? '●' : cell.committed ? '◐' : '○';
  const what = entry.commands?.join('; ') || entry.kind;
  return (
    <td className={`entry ${cell.differs ? 'differs' : ''}`} style={{ '--hue': termHue(entry.term) } as CSSProperties} title={what}>
      <span className="state">{mark}</span> <b>{entry.term}</b> <code>{what}</code>
    </td>
  );
}
