// The strategy of a run: profit, inventory and the state of an A/B comparison, as they come.

import { ARMS, armsChart } from "./charts.js";
import { Series } from "./series.js";

const SLOT_MS = 1000, MOST_ROWS = 3600, SHOWN_S = 3600;
const COLUMNS = ["arm", "instrument", "inventory", "equity", "realized", "unrealized", "fees", "fills", "open orders"];

export class Strategy {
  constructor() {
    this.place = document.getElementById("strategy");
    this.plots = document.getElementById("strategy-plots");
    this.key = null;
  }

  // What `/v1/strategy` says: null, or the arms of a run.
  take(told, nowMs) {
    this.plots.hidden = told === null;
    if (told === null) return;
    const names = told.arms.map((arm) => `${nameOf(arm)} ${arm.exchange}:${arm.symbol}`);
    const key = [told.run_id, ...names].join("\n");
    if (key !== this.key) this.#begin(key, names);
    this.#table(told);
    const number = (text) => (text === null ? null : Number(text));
    const values = (field) => Object.fromEntries(told.arms.map((arm, at) => [names[at], number(arm[field])]));
    this.equity.put(told.ts_ms, values("equity"));
    this.held.put(told.ts_ms, values("inventory"));
    this.pnl.draw(() => this.equity.last(SHOWN_S), nowMs);
    this.inventory.draw(() => this.held.last(SHOWN_S), nowMs);
  }

  #begin(key, names) {
    this.key = key;
    this.equity = new Series(names, SLOT_MS, MOST_ROWS);
    this.held = new Series(names, SLOT_MS, MOST_ROWS);
    this.pnl?.remove();
    this.inventory?.remove();
    this.pnl = armsChart("pnl", names);
    this.inventory = armsChart("inventory", names);
  }

  #table({ run_id: run, arms, ab }) {
    const table = document.createElement("table");
    const head = table.createTHead().insertRow(), body = table.createTBody();
    for (const name of COLUMNS) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = name;
      head.append(cell);
    }
    for (const [place, arm] of arms.entries()) {
      const row = body.insertRow();
      const values = [nameOf(arm), `${arm.exchange} ${arm.symbol}`, arm.inventory, arm.equity === null ? null : `${arm.equity} ${arm.quote ?? ""}`,
        arm.realized, arm.unrealized, arm.fees, arm.fills, arm.orders_open];
      for (const value of values) row.insertCell().textContent = String(value ?? "-");
      row.cells[0].className = "arm";
      row.cells[0].style.setProperty("--arm", `var(--${ARMS[place % ARMS.length]})`);
      row.cells[3].className = Number(arm.equity ?? 0) < 0 ? "loss" : "gain";
    }
    const words = document.createElement("p");
    words.className = "soft";
    words.textContent = `run ${run}${ab ? `; A/B: ${Object.entries(ab).map(([name, value]) => `${name} ${value}`).join(", ")}` : ""}`;
    this.place.replaceChildren(words, table);
  }
}

const nameOf = ({ name, arm }) => (arm ? `${arm}: ${name}` : name);
