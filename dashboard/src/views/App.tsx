import { useEffect, useState } from 'react';
import type { Engine } from '../engine';
import { leaderOf, verdict } from '../state/cluster';
import { Chaos } from './Chaos';
import { Console } from './Console';
import { Data } from './Data';
import { EngineContext, useEngine } from './hooks';
import { Login } from './Login';
import { Logs } from './Logs';
import { Overview } from './Overview';
import { Raft } from './Raft';

const tabs = [
  { id: 'overview', name: 'Overview', view: Overview },
  { id: 'raft', name: 'Raft', view: Raft },
  { id: 'log', name: 'Log', view: Logs },
  { id: 'console', name: 'Console', view: Console },
  { id: 'data', name: 'Data', view: Data },
  { id: 'chaos', name: 'Break it', view: Chaos },
] as const;

type Tab = (typeof tabs)[number]['id'];

function tabOfAddress(): Tab {
  return tabs.find((tab) => `#${tab.id}` === window.location.hash)?.id ?? 'overview';
}

export function App({ engine }: { engine: Engine }) {
  return (
    <EngineContext.Provider value={engine}>
      <Page />
    </EngineContext.Provider>
  );
}

function Page() {
  const engine = useEngine();
  const [tab, setTab] = useState<Tab>(tabOfAddress);
  useEffect(() => {
    const follow = () => setTab(tabOfAddress());
    const key = (event: KeyboardEvent) => {
      if (event.target instanceof HTMLInputElement || event.ctrlKey || event.altKey || event.metaKey) return;
      const chosen = tabs[Number(event.key) - 1];
      if (chosen) window.location.hash = chosen.id;
    };
    window.addEventListener('hashchange', follow);
    window.addEventListener('keydown', key);
    return () => {
      window.removeEventListener('hashchange', follow);
      window.removeEventListener('keydown', key);
    };
  }, []);
  const View = tabs.find((t) => t.id === tab)!.view;
  const chaos = engine.cluster.seats.some((seat) => seat.view?.chaos);

  return (
    <>
      <header className="top">
        <a className="brand" href="#overview">
          <img src="/icon.svg" alt="" width="22" height="22" /> AvowDB
        </a>
        <nav aria-label="views">
          {tabs.map((t, i) => (
            <a key={t.id} href={`#${t.id}`} aria-current={t.id === tab ? 'page' : undefined} title={`key ${i + 1}`}>
              {t.name}
            </a>
          ))}
        </nav>
        <ThemeButton />
        {engine.user && <button onClick={() => void engine.logout()}>Log out {engine.user}</button>}
      </header>
      {chaos && (
        <p className="banner" role="status">
          <b>chaos yes</b>: administrators can break this cluster from this page. Not for data you care about.
        </p>
      )}
      <Verdict />
      <main>{engine.loginNeeded ? <Login /> : <View />}</main>
      <Speaking />
    </>
  );
}

function Verdict() {
  const { cluster } = useEngine();
  const now = Date.now();
  const { level, text, detail } = verdict(cluster, now);
  return (
    <section className={`verdict ${level}`} role="status" data-leader={leaderOf(cluster, now)?.id ?? ''}>
      <span className="dot" aria-hidden="true" />
      <strong>{text}</strong> <span>{detail}</span>
    </section>
  );
}

function Speaking() {
  const { cluster } = useEngine();
  const speaking = cluster.seats.find((seat) => seat.origin === cluster.speaking);
  const served = cluster.speaking === window.location.origin;
  return (
    <footer data-speaking={cluster.speaking}>
      Speaks through node {speaking?.id ?? '?'} at {cluster.speaking}
      {!served && ', as the node that served this page does not answer'}. Keys 1 to 6 choose a view.
    </footer>
  );
}

const THEMES = ['auto', 'light', 'dark'] as const;

function ThemeButton() {
  const [theme, setTheme] = useState(() => localStorage.getItem('avow-theme') ?? 'auto');
  useEffect(() => {
    document.documentElement.dataset['theme'] = theme;
    localStorage.setItem('avow-theme', theme);
  }, [theme]);
  const next = THEMES[(THEMES.findIndex((t) => t === theme) + 1) % THEMES.length]!;
  return (
    <button className="theme" onClick={() => setTheme(next)} title={`theme: ${theme}; next: ${next}`}>
      {theme === 'dark' ? '☾' : theme === 'light' ? '☀' : '◐'}
      <span className="hidden">theme: {theme}</span>
    </button>
  );
}
