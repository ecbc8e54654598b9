// One request to one node, with a limit in time and errors told apart.

export class HttpError extends Error {
  constructor(
    readonly status: number, // 0: no answer came
    message: string,
  ) {
    super(message);
  }
}

export const PATIENCE_MS = 1500; // a look at a node
export const COMMAND_PATIENCE_MS = 15000; // a write may wait for an election

async function request<T>(url: string, init: RequestInit, patienceMs: number): Promise<T> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), patienceMs);
  try {
    const response = await fetch(url, { ...init, credentials: 'include', signal: abort.signal });
    const body: unknown = await response.json().catch(() => null);
    if (!response.ok) {
      const said = (body as { error?: unknown } | null)?.error;
      throw new HttpError(response.status, typeof said === 'string' ? said : `HTTP status ${response.status}`);
    }
    return body as T;
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new HttpError(0, abort.signal.aborted ? `no answer within ${patienceMs / 1000} s` : 'no connection');
  } finally {
    clearTimeout(timer);
  }
}

export function get<T>(origin: string, path: string, patienceMs = PATIENCE_MS): Promise<T> {
  return request<T>(origin + path, { method: 'GET', cache: 'no-store' }, patienceMs);
}

// Sent once and never again by itself: whether an unanswered command was executed is not known here.
export function post<T>(origin: string, path: string, body: unknown, patienceMs = COMMAND_PATIENCE_MS): Promise<T> {
  return request<T>(
    origin + path,
    {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Avow': '1' },
      body: JSON.stringify(body),
    },
    patienceMs,
  );
}
