// Values over time, bounded: one row for each slot of time, the oldest given up.

export class Series {
  // `names`: the columns beside the time; `most`: rows kept at most.
  constructor(names, slotMs, most) {
    this.names = names;
    this.slotMs = slotMs;
    this.most = most;
    this.clear();
  }

  clear() {
    this.times = []; // seconds
    this.columns = Object.fromEntries(this.names.map((name) => [name, []]));
  }

  // Later values of a slot replace earlier ones; a column that is not given keeps what it has, or is empty.
  put(tsMs, values) {
    const at = (Math.floor(tsMs / this.slotMs) * this.slotMs) / 1000;
    const last = this.times.length - 1;
    if (last >= 0 && at < this.times[last]) return;
    if (last < 0 || at > this.times[last]) this.#open(at);
    const row = this.times.length - 1;
    for (const [name, value] of Object.entries(values)) this.columns[name][row] = value;
  }

  // [times, column, ...] of the last `seconds`.
  last(seconds) {
    const end = this.times.length;
    const from = end ? this.times[end - 1] - seconds : 0;
    let first = end;
    while (first > 0 && this.times[first - 1] >= from) first--;
    return [this.times, ...this.names.map((name) => this.columns[name])].map((column) => column.slice(first));
  }

  #open(at) {
    this.times.push(at);
    for (const name of this.names) this.columns[name].push(null);
    if (this.times.length <= this.most * 1.1) return;
    const extra = this.times.length - this.most; // in one go: cutting one off each time would move all
    this.times.splice(0, extra);
    for (const name of this.names) this.columns[name].splice(0, extra);
  }
}
