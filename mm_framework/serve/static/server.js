// What the server is asked over HTTP, with its token where it wants one.

const KEY = "mm-token";
const TYPES = "snapshot,diff,trade,event,status,volume_24h";
let held = null;

export const token = () => held ?? (held = sessionStorage.getItem(KEY));

export function keepToken(value) {
  held = value;
  sessionStorage.setItem(KEY, value);
}

// The subprotocols that a WebSocket is opened with: browsers let a page set no header there.
export const protocols = () => ["mm.relay", ...(token() ? [`bearer.${token()}`] : [])];

export function relayUrl(exchange, symbol) {
  const url = new URL("ws", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.search = new URLSearchParams({ exchange, symbol, types: TYPES }).toString();
  return url.href;
}

export class Refused extends Error {
  constructor(status, told) {
    super(told);
    this.status = status;
  }
}

// The JSON document of a path; Refused with the server's own words, TypeError when it is not reached.
export async function ask(path, timeoutMs = 10_000) {
  const headers = token() ? { Authorization: `Bearer ${token()}` } : {};
  const answer = await fetch(path, { headers, cache: "no-store", signal: AbortSignal.timeout(timeoutMs) });
  const document_ = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refused(answer.status, document_?.error?.message ?? `HTTP ${answer.status}`);
  return document_;
}

// Asks for `path` about every `everyMs` while the page is seen, later and later while that fails.
export function poll(path, everyMs, take, fail) {
  let failed = 0;
  async function turn() {
    if (!document.hidden) {
      try {
        take(await ask(path));
        failed = 0;
      } catch (error) {
        failed++;
        fail(error);
      }
    }
    setTimeout(turn, Math.min(30_000, everyMs * 2 ** Math.min(failed, 6)));
  }
  turn();
}
