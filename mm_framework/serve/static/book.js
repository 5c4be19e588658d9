// A book as the relay tells it: a snapshot, then levels that replace others. Prices and sizes stay the text
// that the venue's ticks give; numbers beside them serve to sort and to draw.

class Side {
  // `sign` is 1 where a higher price is better.
  constructor(sign) {
    this.sign = sign;
    this.levels = []; // best first: { price, size, p, s }
  }

  put(price, size) {
    const p = Number(price), s = Number(size);
    let low = 0, high = this.levels.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.sign * (this.levels[middle].p - p) > 0) low = middle + 1; else high = middle;
    }
    const held = low < this.levels.length && this.levels[low].p === p;
    if (s === 0) { if (held) this.levels.splice(low, 1); return; }
    const level = { price, size, p, s };
    if (held) this.levels[low] = level; else this.levels.splice(low, 0, level);
  }
}

export class Book {
  constructor() { this.clear(); }

  clear() {
    this.bids = new Side(1);
    this.asks = new Side(-1);
    this.epoch = null;
    this.seq = null;
  }

  snapshot({ bids, asks, epoch, seq }) {
    this.clear();
    this.epoch = epoch;
    this.#take(bids, asks, seq);
  }

  // Whether the levels follow what is held: no level crosses epochs, no number is left out.
  diff({ bids, asks, epoch, seq }) {
    if (epoch !== this.epoch || seq !== this.seq + 1) return false;
    this.#take(bids, asks, seq);
    return true;
  }

  #take(bids, asks, seq) {
    for (const [price, size] of bids) this.bids.put(price, size);
    for (const [price, size] of asks) this.asks.put(price, size);
    this.seq = seq;
  }

  // null unless both sides hold something.
  top() {
    const bid = this.bids.levels[0], ask = this.asks.levels[0];
    if (!bid || !ask) return null;
    const mid = (bid.p + ask.p) / 2;
    const whole = bid.s + ask.s;
    return {
      bid, ask, mid,
      micro: (bid.p * ask.s + ask.p * bid.s) / whole,
      imbalance: (bid.s - ask.s) / whole,
      spread: ask.p - bid.p,
      bps: ((ask.p - bid.p) / mid) * 1e4,
    };
  }

  // Sizes added up from the best price on: [prices rising, totals of bids, totals of asks].
  depth(levels) {
    const bids = totals(this.bids, levels).reverse(), asks = totals(this.asks, levels);
    return [
      [...bids, ...asks].map(([price]) => price),
      [...bids.map(([, total]) => total), ...asks.map(() => null)],
      [...bids.map(() => null), ...asks.map(([, total]) => total)],
    ];
  }
}

function totals(side, levels) {
  let total = 0;
  return side.levels.slice(0, levels).map(({ p, s }) => [p, (total += s)]);
}
