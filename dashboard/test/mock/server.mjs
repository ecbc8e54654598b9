// Serves the built page and the mock cluster, one port for each node. Run by hand: npm run mock.

import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MockCluster } from './cluster.mjs';

const DIST = fileURLToPath(new URL('../../dist', import.meta.url));
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

export async function startMock(basePort, count = 3) {
  const cluster = new MockCluster(count);
  const origins = cluster.nodes.map((node) => `http://127.0.0.1:${basePort + node.id}`);
  const policy = `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ${origins.join(' ')}`;
  const servers = cluster.nodes.map((node) => createServer((request, response) => answer(cluster, origins, policy, node, request, response)));
  await Promise.all(servers.map((server, i) => new Promise((done) => server.listen(basePort + i + 1, '127.0.0.1', done))));
  const close = () => {
    cluster.close();
    servers.forEach((server) => (server.closeAllConnections(), server.close()));
  };
  return { cluster, origins, close };
}

async function answer(cluster, origins, policy, node, request, response) {
  const { pathname } = new URL(request.url, 'http://mock');
  response.setHeader('Access-Control-Allow-Origin', request.headers.origin ?? origins[0]);
  response.setHeader('Access-Control-Allow-Credentials', 'true');
  response.setHeader('Access-Control-Allow-Headers', 'content-type, x-avow');
  if (request.method === 'OPTIONS') return response.writeHead(204).end();
  const say = (status, body) => response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));

  if (!node.alive) return request.socket.destroy();
  if (pathname === '/api/chaos') return say(200, chaos(cluster, await body(request)));
  if (pathname === '/api/node') return say(200, cluster.view(node, origins));
  if (pathname === '/api/log') return say(200, log(node));
  if (pathname === '/api/events') return stream(cluster, node, response);
  if (pathname === '/api/command') return say(200, command(cluster, (await body(request)).argv));
  return file(pathname, policy, response);
}

async function body(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return JSON.parse(text);
}

function log(node) {
  const entries = node.entries.slice(-40);
  return { first: 1, last: node.entries.length, commit: node.commit, applied: node.commit, entries };
}

function stream(cluster, node, response) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  const listener = (event, data) => {
    if (!node.alive) response.destroy();
    else response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  cluster.listeners.get(node.id).add(listener);
  response.on('close', () => cluster.listeners.get(node.id).delete(listener));
  cluster.tell(node);
}

function chaos(cluster, order) {
  const node = cluster.node(order.node);
  if (order.action === 'kill' || order.action === 'pause') Object.assign(node, { alive: false, role: 'follower' });
  if (order.action === 'start' || order.action === 'resume') Object.assign(node, { alive: true, silentSince: Date.now() });
  if (order.action === 'isolate') node.isolated = true;
  if (order.action === 'heal') cluster.nodes.forEach((n) => (n.isolated = false));
  return { done: order.action };
}

const bulk = (value) => ({ type: 'bulk', value });
const list = (...value) => ({ type: 'array', value });

function command(cluster, argv) {
  const began = Date.now() * 1000;
  const [name, key, value] = argv;
  const verb = name.toUpperCase();
  const read = {
    GET: () => (cluster.data.has(key) ? bulk(cluster.data.get(key)) : { type: 'nil' }),
    GETRANGE: () => bulk(cluster.data.get(key) ?? ''),
    SCAN: () => list(bulk('0'), list(...[...cluster.data.keys()].map(bulk))),
    TYPE: () => ({ type: 'status', value: 'string' }),
    PTTL: () => ({ type: 'integer', value: -1 }),
    MEMORY: () => ({ type: 'integer', value: 64 }),
  }[verb];
  if (read) return { reply: read(), took_us: 180, steps: [] };
  if (verb !== 'SET') return { reply: { type: 'error', value: `ERR the mock knows no '${name}'` }, took_us: 20, steps: [] };
  const index = cluster.append('command', [argv.join(' ')]);
  if (!index) return { reply: { type: 'error', value: 'CLUSTERDOWN no leader' }, took_us: 20, steps: [] };
  cluster.data.set(key, value);
  const names = ['received', 'proposed', 'persisted', 'committed', 'applied', 'answered'];
  const steps = names.map((step, i) => ({ step, t: began + [0, 60, 480, 730, 790, 840][i], index }));
  return { reply: { type: 'status', value: 'OK' }, took_us: 840, steps };
}

function file(pathname, policy, response) {
  const path = normalize(join(DIST, pathname === '/' ? 'index.html' : pathname));
  if (!path.startsWith(DIST) || !existsSync(path)) return response.writeHead(404).end();
  response.writeHead(200, { 'Content-Type': types[extname(path)] ?? 'application/octet-stream', 'Content-Security-Policy': policy });
  createReadStream(path).pipe(response);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { origins } = await startMock(Number(process.env.PORT ?? 8000));
  console.log(`a made-up cluster: ${origins.join(' ')}`);
}
