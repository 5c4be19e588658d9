// One instrument as the page knows it: its book, its state, and what happened lately. No element is touched here.

import { Book } from "./book.js";
import { Series } from "./series.js";

const SLOT_MS = 200, MOST_ROWS = 4600; // a little more than 15 minutes
const TRADES = 18, EVENTS = 10;
const ANEW_MS = 60_000; // a step back of the time by more is a playback that began anew
const NOTHING = { bid: null, ask: null, micro: null, mid: null };

// How a state is to be taken: good, wait or bad.
export const TONES = { SYNCED: "good", RESYNCING: "bad", STOPPED: "bad" };
export const toneOf = (state) => TONES[state] ?? "wait";

export class Market {
  constructor() {
    this.book = new Book();
    this.prices = new Series(["bid", "ask", "micro", "mid", "buy", "sell"], SLOT_MS, MOST_ROWS);
    this.spreads = new Series(["bps"], SLOT_MS, MOST_ROWS);
    this.trades = []; // newest first
    this.events = []; // newest first
    this.status = {};
    this.volume = null;
    this.state = null;
    this.count = 0;
    this.tsMs = 0; // the latest, 0 before one
  }

  // What a message changed: words of "book", "state", "trades", "events"; "missed" when it does not follow the
  // one before. A message of a kind unknown here changes nothing.
  take({ type, ts_ms: tsMs, data }) {
    this.count++;
    if (tsMs < this.tsMs - ANEW_MS) this.#anew();
    this.tsMs = Math.max(tsMs, this.tsMs);
    switch (type) {
      case "snapshot": this.book.snapshot(data); return this.#told(tsMs, { state: data.state });
      case "diff": return this.book.diff(data) ? this.#moved(tsMs) : ["missed"];
      case "trade": return this.#traded(tsMs, data);
      case "event": return this.#happened(tsMs, data);
      case "status": return this.#told(tsMs, data);
      case "volume_24h": this.volume = data; return ["state"];
      default: return [];
    }
  }

  // The connection is gone: what is shown may be old, and diffs were missed.
  lost() {
    this.state = null;
    this.#broken();
  }

  // A book that was held and is held no longer is worse than one that has not come yet.
  get tone() {
    const tone = toneOf(this.state);
    return tone === "wait" && this.state === "CONNECTING" && this.book.epoch !== null ? "bad" : tone;
  }

  #moved(tsMs) {
    const top = this.book.top();
    if (top && this.tone === "good") {
      const { bid, ask, micro, mid, bps } = top;
      this.prices.put(tsMs, { bid: bid.p, ask: ask.p, micro, mid });
      this.spreads.put(tsMs, { bps });
    }
    return ["book"];
  }

  #traded(tsMs, data) {
    this.trades.unshift({ tsMs, ...data });
    this.trades.length = Math.min(this.trades.length, TRADES);
    if (data.side) this.prices.put(tsMs, { [data.side]: Number(data.price) });
    return ["trades", "book"];
  }

  #happened(tsMs, data) {
    this.events.unshift({ tsMs, ...data });
    this.events.length = Math.min(this.events.length, EVENTS);
    return ["events", ...(data.new ? this.#told(tsMs, { state: data.new, epoch: data.epoch }) : [])];
  }

  #told(tsMs, data) {
    Object.assign(this.status, data);
    if (data.state !== this.state) {
      this.state = data.state;
      if (this.tone !== "good") this.#broken();
    }
    this.#moved(tsMs);
    return ["state", "book"];
  }

  // A line ends where the book was lost.
  #broken() {
    if (this.tsMs === 0) return;
    this.prices.put(this.tsMs + SLOT_MS, NOTHING);
    this.spreads.put(this.tsMs + SLOT_MS, { bps: null });
  }

  #anew() {
    this.prices.clear();
    this.spreads.clear();
    this.trades.length = this.events.length = this.tsMs = 0;
  }
}
