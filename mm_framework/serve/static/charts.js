// The charts, drawn by uPlot in the colours of the page. Each is given columns and draws at its own pace.

const colour = (name) => () => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const soft = (name, share) => () => `color-mix(in srgb, ${colour(name)()} ${share}%, transparent)`;
const still = window.matchMedia("(prefers-reduced-motion: reduce)");

// At most so often: ten times a second, or once for readers who want no motion.
export const paceMs = () => (still.matches ? 1000 : 100);

const two = (value) => String(value).padStart(2, "0");
export function clock(tsMs, digits = 0) {
  const at = new Date(tsMs);
  const rest = digits ? `.${String(at.getUTCMilliseconds()).padStart(3, "0").slice(0, digits)}` : "";
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}${rest}`;
}

const axis = (more) => ({
  stroke: colour("soft"),
  grid: { stroke: colour("grid"), width: 1 },
  ticks: { show: false },
  font: "11px system-ui, sans-serif",
  gap: 4,
  ...more,
});
const timeAxis = () => axis({ values: (_, splits) => splits.map((at) => clock(at * 1000)), space: 80, size: 26 });
const valueAxis = (more) => axis({ size: 68, space: 32, ...more });
const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 8, useGrouping: false });
const plain = (_, splits) => splits.map((value) => (value === null ? "" : number.format(value)));

class Chart {
  constructor(id, options) {
    this.place = document.getElementById(id);
    this.options = options;
    this.drawnMs = 0;
    this.#make([[], ...options.series.slice(1).map(() => [])]);
    this.observer = new ResizeObserver(() => this.plot.setSize(this.#size()));
    this.observer.observe(this.place);
    this.recolour = () => this.plot.redraw();
    window.addEventListener("mm-theme", this.recolour);
  }

  remove() {
    this.observer.disconnect();
    window.removeEventListener("mm-theme", this.recolour);
    this.plot.destroy();
  }

  // Whether it was drawn: not again before its time.
  draw(columns, nowMs, label) {
    if (nowMs - this.drawnMs < paceMs()) return false;
    this.drawnMs = nowMs;
    this.plot.setData(columns());
    if (label) this.place.setAttribute("aria-label", label());
    return true;
  }

  #size() {
    return { width: Math.max(50, this.place.clientWidth), height: Math.max(50, this.place.clientHeight) };
  }

  #make(data) {
    this.plot = new uPlot({ legend: { show: false }, padding: [8, 26, 0, 0], ...this.options, ...this.#size() }, data, this.place);
  }
}

// Lines that hold their value until the next, and end where nothing was known.
const step = uPlot.paths.stepped({ align: 1 });
const line = (stroke, more) => ({ stroke: colour(stroke), width: 1, paths: step, points: { show: false }, ...more });
const marks = (stroke, size) => ({
  stroke: colour(stroke), paths: () => null, points: { show: true, size, fill: colour(stroke), width: 0 },
});
const together = { sync: { key: "time" }, drag: { x: false, y: false } };
const alone = { drag: { x: false, y: false } };

export const priceChart = (id) => new Chart(id, {
  cursor: together,
  scales: { x: { time: true } },
  axes: [timeAxis(), valueAxis({ values: plain })],
  series: [{}, line("bid"), line("ask"), line("spread", { dash: [4, 3] }), line("text", { width: 2 }),
    marks("bid", 6), marks("ask", 6)],
});

export const spreadChart = (id) => new Chart(id, {
  cursor: together,
  scales: { x: { time: true }, y: { range: (_, low, high) => [Math.min(0, low ?? 0), (high ?? 1) * 1.1 || 1] } },
  axes: [timeAxis(), valueAxis({ values: plain })],
  series: [{}, line("spread", { fill: soft("spread", 18) })],
});

export const depthChart = (id) => new Chart(id, {
  cursor: alone,
  scales: { x: { time: false }, y: { range: (_, low, high) => [0, (high ?? 1) * 1.05 || 1] } },
  axes: [axis({ values: plain, space: 90, size: 26 }), valueAxis({ values: plain })],
  series: [{},
    line("bid", { width: 2, fill: soft("bid", 22), paths: uPlot.paths.stepped({ align: -1 }) }),
    line("ask", { width: 2, fill: soft("ask", 22) })],
});

// `edges()` gives the limits of the bars in ms; the last bar has what is above.
export const latencyChart = (id, edges) => new Chart(id, {
  cursor: alone,
  scales: { x: { time: false, range: (_, low, high) => [low - 0.6, high + 0.6] }, y: { range: (_, low, high) => [0, (high ?? 1) * 1.1 || 1] } },
  axes: [
    axis({ size: 26, incrs: [1, 2, 4, 8], space: 44,
      values: (_, splits) => splits.map((at) => {
        if (!Number.isInteger(at) || at < 0 || at > edges().length) return "";
        return at < edges().length ? `\u2264${edges()[at]}` : `>${edges()[at - 1]}`;
      }) }),
    valueAxis({ values: plain }),
  ],
  series: [{}, { stroke: colour("bid"), fill: soft("bid", 45), width: 1, points: { show: false },
    paths: uPlot.paths.bars({ size: [0.8, 60] }) }],
});

// The colours of the lines of several arms, in their order.
export const ARMS = ["bid", "ask", "spread", "good", "text", "mid"];
export const armsChart = (id, names) => new Chart(id, {
  cursor: { sync: { key: "arms" }, drag: { x: false, y: false } },
  scales: { x: { time: true } },
  axes: [timeAxis(), valueAxis({ values: plain })],
  series: [{}, ...names.map((name, at) => line(ARMS[at % ARMS.length], { label: name, width: 2 }))],
});
