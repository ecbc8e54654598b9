import { createRoot } from 'react-dom/client';
import { Engine } from './engine';
import { App } from './views/App';
import './style.css';

const engine = new Engine(window.location.origin);
engine.start();
createRoot(document.getElementById('root')!).render(<App engine={engine} />);
