// The page: what comes from the server goes into a `Market`, and is drawn once a frame at most.

import * as charts from "./charts.js";
import { Link } from "./link.js";
import { Market } from "./market.js";
import * as page from "./page.js";
import { Refused, ask, keepToken, poll, protocols, relayUrl } from "./server.js";
import { Strategy } from "./strategy.js";

const STATUS_MS = 1000, STRATEGY_MS = 1000, DEPTH = 50;
const at = (id) => document.getElementById(id);

let market = new Market();
let link = null, connected = false, books = [];
let chosen = { exchange: null, symbol: null };
let minutes = 1;
const strategy = new Strategy();

// ---- drawing: what changed is drawn with the next frame ------------------------------------------

const bars = () => (market.status.age_histogram ?? []).filter(([, count]) => count > 0).length;
const histogram = () => {
  const all = market.status.age_histogram ?? [];
  const first = all.findIndex(([, count]) => count > 0);
  return all.slice(Math.max(0, first), all.findLastIndex(([, count]) => count > 0) + 1);
};
const plots = {
  price: charts.priceChart("price"),
  spread: charts.spreadChart("spreads"),
  depth: charts.depthChart("depth"),
  latency: charts.latencyChart("latencies", () => histogram().map(([bound]) => bound)),
};

const PANELS = {
  book: () => page.showBook(market),
  state: () => { page.showState(market, connected); page.showLatency(market); },
  trades: () => page.showTrades(market),
  events: () => page.showEvents(market),
};
const PLOTS = {
  price: (now) => plots.price.draw(() => prices(), now, () => priceWords()),
  spread: (now) => plots.spread.draw(() => market.spreads.last(60 * minutes), now),
  depth: (now) => plots.depth.draw(() => market.book.depth(DEPTH), now),
  latency: (now) => plots.latency.draw(() => latencies(), now),
};
const OF = { book: ["price", "spread", "depth"], trades: ["price"], state: ["latency"] };

// Bid, ask, micro-price, mid, buys, sells: the order of the lines of the chart.
function prices() {
  return market.prices.last(60 * minutes);
}

function priceWords() {
  const top = market.book.top();
  return top ? `Mid ${top.mid} and micro-price of the last ${minutes} minutes, with trades` : "No prices yet";
}

function latencies() {
  const shown = bars() ? histogram() : [];
  return [shown.map((_, place) => place), shown.map(([, count]) => count)];
}

const panels = new Set(), waiting = new Set();
let asked = false;

function changed(...names) {
  for (const name of names) {
    if (PANELS[name]) panels.add(name);
    for (const plot of OF[name] ?? []) waiting.add(plot);
  }
  if (!asked && panels.size + waiting.size) {
    asked = true;
    requestAnimationFrame(draw);
  }
}

function draw(now) {
  asked = false;
  for (const name of panels) PANELS[name]();
  panels.clear();
  for (const name of waiting) if (PLOTS[name](now)) waiting.delete(name);
  if (waiting.size) changed("");
}

// ---- the relay -----------------------------------------------------------------------------------

function choose(exchange, symbol) {
  if (exchange === chosen.exchange && symbol === chosen.symbol) return;
  chosen = { exchange, symbol };
  const query = new URLSearchParams(chosen);
  history.replaceState(null, "", `?${query}`);
  document.title = `${symbol} ${exchange} - mm-framework`;
  page.text(at("name"), `${exchange} ${symbol}`);
  follow();
  fillPicker();
}

function follow() {
  link?.close();
  market = new Market();
  connected = false;
  const { exchange, symbol } = chosen;
  if (exchange === null) return;
  link = new Link(relayUrl(exchange, symbol), protocols(), take, tell);
  changed("book", "state", "trades", "events");
}

function take(text) {
  const news = market.take(JSON.parse(text));
  if (news.includes("missed")) again("a message is missing");
  else changed(...news);
}

// From the beginning: with a new snapshot.
function again(reason) {
  link.close();
  tell({ phase: "waiting", attempt: 1, wait: 0, code: 0, reason });
  link = new Link(relayUrl(chosen.exchange, chosen.symbol), protocols(), take, tell);
}

function tell({ phase, attempt, wait, code, reason }) {
  connected = phase === "open";
  const pill = at("link");
  page.tone(pill, { open: "good", connecting: attempt ? "bad" : "wait", waiting: "bad" }[phase]);
  at("again").hidden = phase !== "waiting";
  if (phase === "waiting") market.lost();
  const why = reason ? `: ${reason}` : code === 1006 ? "" : ` (${code})`;
  page.text(pill, {
    open: "connected",
    connecting: attempt ? `connecting again, try ${attempt}` : "connecting",
    waiting: `connection lost${why}; next try in ${(wait / 1000).toFixed(1)} s`,
  }[phase]);
  changed("book", "state");
}

let counted = 0, countedMs = performance.now();
setInterval(() => {
  const now = performance.now();
  page.text(at("rate"), connected ? (((market.count - counted) * 1000) / (now - countedMs)).toFixed(0) : "-");
  counted = market.count;
  countedMs = now;
}, 1000);

// ---- what is asked for ---------------------------------------------------------------------------

function takeStatus(told) {
  books = told.symbols;
  fillPicker();
  page.showBooks(books, chosen, choose);
  page.showCaptures(told.captures, told.sources);
  if (chosen.exchange === null && books.length) {
    const query = new URLSearchParams(location.search);
    const named = ({ symbol, venue_symbol: venue }) => [symbol, venue].includes(query.get("symbol"));
    const wanted = books.find((one) => one.exchange === query.get("exchange") && named(one));
    const { exchange, symbol } = wanted ?? books.find(({ state }) => state === "SYNCED") ?? books[0];
    choose(exchange, symbol);
  }
}

function options(select, names, value) {
  if ([...select.options].map((one) => one.value).join("\n") !== names.join("\n")) {
    select.replaceChildren(...names.map((name) => new Option(name, name)));
  }
  if (value !== null) select.value = value;
}

function fillPicker() {
  const venues = [...new Set(books.map((one) => one.exchange))].sort();
  options(at("venue"), venues, chosen.exchange);
  const symbols = books.filter((one) => one.exchange === at("venue").value).map((one) => one.symbol).sort();
  options(at("symbol"), symbols, chosen.symbol);
}

function refused(error) {
  if (error instanceof Refused && error.status === 401) askToken();
  else if (chosen.exchange === null) {
    page.tone(at("link"), "bad");
    page.text(at("link"), `the server is not reached: ${error.message}`);
  }
}

function askToken() {
  if (!at("token").open) at("token").showModal();
}

at("token-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  keepToken(at("token-value").value);
  try {
    takeStatus(await ask("v1/status"));
  } catch (error) {
    page.text(at("token-wrong"), error.message);
    return;
  }
  at("token").close();
  follow();
});
at("picker").addEventListener("submit", (event) => event.preventDefault());
at("venue").addEventListener("change", () => {
  const { exchange, symbol } = books.find((one) => one.exchange === at("venue").value);
  choose(exchange, symbol);
});
at("symbol").addEventListener("change", () => choose(at("venue").value, at("symbol").value));
at("again").addEventListener("click", () => link?.again());
window.addEventListener("online", () => link?.again());
at("span").addEventListener("click", ({ target }) => {
  if (!target.dataset.minutes) return;
  minutes = Number(target.dataset.minutes);
  for (const one of at("span").children) one.setAttribute("aria-pressed", String(one === target));
  changed("book");
});

poll("v1/status", STATUS_MS, takeStatus, refused);
poll("v1/strategy", STRATEGY_MS, (told) => strategy.take(told, performance.now()), () => {});
document.body.dataset.ready = "yes";
