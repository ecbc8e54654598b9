import { createContext, useContext, useEffect, useRef, useSyncExternalStore } from 'react';
import type { Engine } from '../engine';

export const EngineContext = createContext<Engine | undefined>(undefined);

// The engine; the caller is drawn again whenever it learns something.
export function useEngine(): Engine {
  const engine = useContext(EngineContext)!;
  useSyncExternalStore(engine.subscribe, () => engine.version);
  return engine;
}

// Calls draw before each frame of the screen, with the milliseconds since the last.
export function useFrames(draw: (elapsedMs: number) => void): void {
  const latest = useRef(draw);
  latest.current = draw;
  useEffect(() => {
    let last = performance.now();
    let frame = requestAnimationFrame(function next(now) {
      latest.current(now - last);
      last = now;
      frame = requestAnimationFrame(next);
    });
    return () => cancelAnimationFrame(frame);
  }, []);
}
