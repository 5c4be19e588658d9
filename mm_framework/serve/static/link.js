// A connection that comes back: after it is lost it is tried again, later and later.

const FIRST_MS = 500, MOST_MS = 15_000;

// How long to wait before try number `attempt`, counted from 0; `chance` in [0, 1) keeps many pages apart.
export function waitMs(attempt, chance) {
  return Math.min(MOST_MS, FIRST_MS * 2 ** attempt) * (0.5 + chance / 2);
}

export class Link {
  // `take(text)` is given each message; `tell({ phase, ... })` each change: connecting, open, waiting.
  constructor(url, protocols, take, tell) {
    Object.assign(this, { url, protocols, take, tell });
    this.attempt = 0;
    this.#open();
  }

  close() {
    this.over = true;
    clearTimeout(this.timer);
    this.socket.close();
  }

  // Now, instead of when the time comes.
  again() {
    if (this.over || this.socket.readyState <= WebSocket.OPEN) return;
    clearTimeout(this.timer);
    this.#open();
  }

  #open() {
    this.tell({ phase: "connecting", attempt: this.attempt });
    const socket = (this.socket = new WebSocket(this.url, this.protocols));
    socket.onopen = () => this.over || this.tell({ phase: "open" });
    socket.onmessage = ({ data }) => {
      if (this.over) return;
      this.attempt = 0;
      this.take(data);
    };
    socket.onclose = ({ code, reason }) => {
      if (this.over) return;
      const wait = waitMs(this.attempt++, Math.random());
      this.tell({ phase: "waiting", attempt: this.attempt, wait, code, reason });
      this.timer = setTimeout(() => this.#open(), wait);
    };
  }
}
