// What is shown of what is known: elements are filled with text, never with markup.

import { clock } from "./charts.js";
import { toneOf } from "./market.js";

const at = (id) => document.getElementById(id);
const DASH = "-";

// Text is set only where it differs: most of a ladder stays as it was.
export function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

export function tone(element, name) {
  if (element.dataset.tone !== name) element.dataset.tone = name;
}

function make(tag, value, name) {
  const element = document.createElement(tag);
  if (value !== undefined) element.textContent = value;
  if (name) element.className = name;
  return element;
}

// As many rows as `count`, of `width` cells; the ones that are there stay.
function rows(body, count, width) {
  while (body.rows.length > count) body.deleteRow(-1);
  while (body.rows.length < count) {
    const row = body.insertRow();
    for (let cell = 0; cell < width; cell++) row.insertCell();
  }
  return body.rows;
}

function line(row, values) {
  values.forEach((value, place) => text(row.cells[place], value));
}

const decimals = (value) => (value.split(".")[1] ?? "").length;
const brief = (value, digits = 6) => Number(value.toPrecision(digits)).toString();

// At most 7 letters: the width of a column.
function short(value) {
  const found = [4, 2].map((digits) => brief(value, digits)).find((one) => one.length <= 7);
  return found ?? value.toExponential(1);
}

// ---- the book ----------------------------------------------------------------------------------

const LEVELS = 14;
const BAR = 68; // percent of the row at most: prices stand beside the bars

export function showBook(market) {
  const { book } = market;
  const bids = book.bids.levels.slice(0, LEVELS), asks = book.asks.levels.slice(0, LEVELS);
  const total = (levels) => { let sum = 0; return levels.map(({ s }) => (sum += s)); };
  const [bidTotals, askTotals] = [total(bids), total(asks)];
  const most = Math.max(bidTotals.at(-1) ?? 0, askTotals.at(-1) ?? 0) || 1;
  fill(at("asks"), asks.reverse(), askTotals.reverse(), most);
  fill(at("bids"), bids, bidTotals, most);
  const top = book.top();
  if (top) showTop(top); else clearTop();
}

function fill(body, levels, totals, most) {
  const shown = rows(body, levels.length, 3);
  levels.forEach(({ price, size }, place) => {
    line(shown[place], [price, size, short(totals[place])]);
    shown[place].style.setProperty("--share", `${((BAR * totals[place]) / most).toFixed(1)}%`);
  });
}

function showTop({ bid, ask, mid, micro, imbalance, spread, bps }) {
  const places = Math.max(decimals(bid.price), decimals(ask.price));
  text(at("mid"), mid.toFixed(places + 1));
  text(at("micro"), micro.toFixed(places + 2));
  text(at("spread"), `${spread.toFixed(places)} (${bps.toFixed(2)} bps)`);
  text(at("imbalance"), `${imbalance > 0 ? "+" : ""}${imbalance.toFixed(2)}`);
  text(at("between"), `spread ${spread.toFixed(places)}`);
}

function clearTop() {
  for (const id of ["mid", "micro", "spread", "imbalance"]) text(at(id), DASH);
  text(at("between"), "no book yet");
}

// ---- state -------------------------------------------------------------------------------------

export function showState(market, connected) {
  const name = connected ? market.state ?? "waiting" : "not connected";
  const how = connected ? market.tone : "bad";
  tone(at("state"), how);
  text(at("state"), market.book.epoch === null ? name : `${name}, epoch ${market.book.epoch}`);
  const stale = how !== "good" && market.book.epoch !== null;
  at("book-title").parentElement.classList.toggle("stale", stale);
  at("doubt").hidden = !stale;
  document.body.dataset.tone = how;
  showFacts(market);
}

const FACTS = ["epoch", "gaps", "mismatches", "resyncs", "messages", "trades", "venue_symbol", "volume, 24 h"];

function showFacts({ status, volume }) {
  const told = { ...status };
  if (volume) told["volume, 24 h"] = volumeWords(volume);
  const pairs = FACTS.filter((key) => told[key] !== undefined);
  const list = at("sync");
  if (list.childElementCount !== 2 * pairs.length) {
    list.replaceChildren(...pairs.flatMap((key) => [make("dt", key), make("dd")]));
  }
  pairs.forEach((key, place) => {
    text(list.children[2 * place], key.replace("_", " "));
    text(list.children[2 * place + 1], String(told[key]));
  });
}

// A server that began an hour ago knows the trades of an hour.
function volumeWords({ base, covered_s: covered }) {
  const sum = brief(Number(base));
  return covered >= 86_400 ? sum : `${sum} in ${Math.ceil(covered / 60)} min`;
}

export function showEvents({ events }) {
  at("events").replaceChildren(...events.map((event) => {
    const item = make("li");
    item.append(make("time", clock(event.tsMs)), make("span", eventWords(event), eventTone(event)));
    return item;
  }));
}

const KINDS = { gap: "bad", checksum_mismatch: "bad" };
const eventTone = ({ event, new: state }) => (state ? toneOf(state) : KINDS[event] ?? "soft");

function eventWords({ event, new: state, reason, expected, found, tick_size: tick, status }) {
  const words = [state ?? event.replace("_", " ")];
  if (reason) words.push(reason.toLowerCase().replaceAll("_", " "));
  if (expected != null) words.push(`expected ${expected}, found ${found}`);
  if (event === "definition" && tick != null) words.push(`tick ${tick}`);
  if (status != null) words.push(status);
  return words.join(", ");
}

export function showLatency({ status: { age_ms: age } }) {
  text(at("latency"), age ? `${brief(age.p50)} / ${brief(age.p99)} ms` : DASH);
  const words = age
    ? `Receive time less venue time: p50 ${age.p50} ms, p95 ${age.p95} ms, p99 ${age.p99} ms, most ${age.max} ms.`
    : "The venue tells no times yet.";
  text(at("latency-note"), words);
}

// ---- trades ------------------------------------------------------------------------------------

export function showTrades({ trades }) {
  const shown = rows(at("tape"), trades.length, 4);
  trades.forEach(({ tsMs, side, price, size }, place) => {
    line(shown[place], [clock(tsMs), side ?? DASH, price, size]);
    shown[place].cells[1].className = shown[place].cells[2].className = side ?? "";
  });
  const [last] = trades;
  if (last) text(at("last"), `${last.price} ${last.side ?? ""}`);
}

// ---- all books ---------------------------------------------------------------------------------

export function showBooks(books, chosen, choose) {
  const shown = rows(at("books"), books.length, 7);
  books.forEach((one, place) => {
    const row = shown[place], first = row.cells[0];
    if (!first.firstElementChild) first.append(make("button"));
    const button = first.firstElementChild;
    button.type = "button";
    text(button, `${one.exchange} ${one.symbol}`);
    button.onclick = () => choose(one.exchange, one.symbol);
    const values = [one.state, one.bid, one.ask, one.epoch, one.gaps, one.resyncs];
    values.forEach((value, cell) => text(row.cells[cell + 1], String(value ?? DASH)));
    row.cells[1].className = toneOf(one.state);
    const own = one.exchange === chosen.exchange && one.symbol === chosen.symbol;
    row.setAttribute("aria-current", String(own));
  });
}

// ---- capture -----------------------------------------------------------------------------------

const VERDICTS = { PASS: "good", FAIL: "bad", WARN: "wait" };

export function showCaptures(captures, sources) {
  const parts = sources.map((one) => headed(one.kind, [one.state, ...toldWords(one.told)]));
  for (const one of captures) parts.push(headed(one.run_id, captureWords(one)), gates(one));
  at("capture").replaceChildren(...(parts.length ? parts : [make("p", "no capture is known here", "soft")]));
}

function headed(name, words) {
  const line = make("p", undefined, "soft");
  line.append(make("b", name), ` ${words.join(", ")}`);
  return line;
}

const number = (value) => (value === null ? DASH : brief(value));

// What a source says of itself, for people: counts as numbers, no clock.
function toldWords({ now_ms: clock, frames, run, ...told }) {
  const words = Object.entries(told).map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`);
  if (run !== undefined) words.unshift(`run ${run}`);
  if (frames !== undefined) words.push(`${Number(frames).toLocaleString("en")} frames`);
  return words;
}

function captureWords(one) {
  const told = [one.running ? "recording" : "ended"];
  if (one.elapsed_s !== null) told.push(`${Math.round(one.elapsed_s)} s`);
  if (one.frames_per_s !== null) told.push(`${one.frames_per_s.toFixed(0)} frames a second`);
  if (one.connected !== null) told.push(`connections ${one.connected}`);
  told.push(`reconnects ${one.reconnects}`);
  return told;
}

function gates({ run_id: run, gates: all }) {
  const table = make("table", undefined, "gates"), body = table.createTBody();
  table.append(make("caption", `Gates of ${run}`, "hidden"));
  for (const { name, status, value, limit, text: told } of all) {
    const row = body.insertRow();
    row.append(make("td", name), make("td", status, VERDICTS[status] ?? "soft"), make("td", number(value)));
    row.append(make("td", limit === null ? told : `${told}; limit ${number(limit)}`, "soft"));
  }
  return table;
}
