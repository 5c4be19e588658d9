// Draws the chart that the page carries. Of what is in view each line shows, pixel by pixel, the first, the
// lowest, the highest and the last value; with fewer rows than that, every row.
"use strict";
(async () => {
  const given = JSON.parse(document.getElementById("given").textContent);
  const plot = document.getElementById("chart");
  const state = document.getElementById("state");
  if (typeof DecompressionStream === "undefined") {
    state.textContent = "This browser cannot unpack the data: use one of 2023 or later.";
    return;
  }

  // The other side of packing.py.
  async function unpack({ type, data }) {
    const packed = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const planes = new Uint8Array(await new Response(stream).arrayBuffer());
    const Numbers = { Float32Array, Float64Array }[type];
    const width = Numbers.BYTES_PER_ELEMENT;
    const count = planes.length / width;
    const bytes = new Uint8Array(planes.length);
    for (let byte = 0; byte < width; byte++) {
      for (let row = 0; row < count; row++) bytes[row * width + byte] = planes[byte * count + row];
    }
    return new Numbers(bytes.buffer);
  }

  const [steps, bid, ask] = await Promise.all([given.steps_us, given.bid, given.ask].map(unpack));
  const age = given.age ? await unpack(given.age) : null;
  const count = steps.length;
  const time = new Float64Array(count);
  for (let row = 0, us = given.start_us; row < count; row++) {
    us += steps[row];
    time[row] = given.start_ms + us / 1000;
  }
  const mid = bid.map((price, row) => (price + ask[row]) / 2);
  const spread = bid.map((price, row) => ask[row] - price);

  const { panels } = given.layout;
  delete given.layout.panels;
  const colours = given.colours;
  const line = (name, values, panel, colour, width) => ({
    values,
    trace: {
      name, type: "scatter", mode: "lines", x: [], y: [], yaxis: panels[panel],
      line: { color: colour, width, shape: "hv" }, connectgaps: false, legendgroup: name,
      showlegend: panel === "price",
    },
  });
  const lines = [
    line("mid", mid, "price", colours.mid, 0.8),
    line("best ask", ask, "price", colours.ask, 1.3),
    line("best bid", bid, "price", colours.bid, 1.3),
    line("spread", spread, "spread", colours.spread, 1.1),
  ];
  if (age) lines.push(line("age, ms", age, "age", colours.age, 0.9));

  const kinds = Object.keys(given.mark_names).filter((kind) => given.marks.some((mark) => mark[2] === kind));
  const strips = kinds.map((kind) => ({
    kind,
    trace: {
      name: given.mark_names[kind], type: "scatter", mode: "markers", x: [], y: [], text: [],
      yaxis: panels.marks, hovertemplate: "%{text}",
      marker: { symbol: "line-ns-open", size: 14, color: colours.marks[kind],
        line: { color: colours.marks[kind], width: 4 } },
    },
  }));

  // The first row at or after a time.
  function place(ms) {
    let low = 0, high = count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (time[middle] < ms) low = middle + 1; else high = middle;
    }
    return low;
  }

  function drawn(values, from, to, pixels) {
    const first = Math.max(0, place(from) - 1), end = Math.min(count, place(to) + 1);
    const x = [], y = [];
    const push = (row) => {
      const held = y[y.length - 1]; // where a line breaks off, its last value held until then
      if (Number.isNaN(values[row]) && !Number.isNaN(held ?? NaN)) { x.push(time[row]); y.push(held); }
      x.push(time[row]);
      y.push(values[row]);
    };
    if (end - first <= 4 * pixels) {
      for (let row = first; row < end; row++) push(row);
      return [x, y];
    }
    const width = (to - from) / pixels;
    for (let row = first; row < end;) {
      const edge = Math.max(time[row], from) + width;
      let low = -1, high = -1, gap = -1, last = row;
      const start = row;
      for (; row < end && (row === start || time[row] < edge); row++) {
        const value = values[row];
        if (Number.isNaN(value)) { if (gap < 0) gap = row; }
        else {
          if (low < 0 || value < values[low]) low = row;
          if (high < 0 || value > values[high]) high = row;
        }
        last = row;
      }
      const kept = [start, low, high, gap, last].filter((one) => one >= 0).sort((a, b) => a - b);
      kept.forEach((one, at) => { if (at === 0 || one !== kept[at - 1]) push(one); });
    }
    return [x, y];
  }

  // A mark is a row of points, one each few pixels: wherever the pointer is, there is one to tell the reason.
  function pointed(kind, from, to, pixels) {
    const step = (4 * (to - from)) / pixels;
    const x = [], text = [];
    for (const [start, end, of, told] of given.marks) {
      if (of !== kind || end < from || start > to) continue;
      for (let at = Math.max(start, from); at <= Math.min(end, to); at += step) { x.push(at); text.push(told); }
    }
    if (!x.length) { x.push(null); text.push(""); } // or the legend would lose it
    return [x, x.map(() => 0.5), text];
  }

  const shaded = given.marks.slice(0, 400).map(([x0, x1, kind]) => ({
    type: "rect", xref: "x", yref: "paper", x0, x1, y0: 0, y1: 1, layer: "below", opacity: 0.2,
    fillcolor: colours.marks[kind], line: { color: colours.marks[kind], width: 1 },
  }));
  given.layout.shapes.push(...shaded);

  const view = () => {
    const [from, to] = (plot._fullLayout ? plot._fullLayout.xaxis.range : given.layout.xaxis.range)
      .map((edge) => (typeof edge === "number" ? edge : Date.parse(`${edge.replace(" ", "T")}Z`)));
    return [from, to, Math.max(200, plot.clientWidth)];
  };
  function fill() {
    const [from, to, pixels] = view();
    for (const one of lines) [one.trace.x, one.trace.y] = drawn(one.values, from, to, pixels);
    for (const one of strips) {
      [one.trace.x, one.trace.y, one.trace.text] = pointed(one.kind, from, to, pixels);
    }
  }

  const traces = [...lines, ...strips].map((one) => one.trace);
  if (given.depth) traces.push(await heat(given.depth));
  async function heat({ edges_ms, prices, sizes, title }) {
    const flat = await unpack(sizes);
    const columns = edges_ms.length - 1, rows = prices.length - 1;
    const held = Array.from({ length: rows }, (_, row) => flat.subarray(row * columns, (row + 1) * columns));
    const sorted = flat.filter((size) => size > 0).sort();
    const at = (share) => Math.log10(sorted[Math.floor(share * (sorted.length - 1))] || 1);
    const low = at(0.02), high = Math.max(at(0.998), low + 1);
    const ticks = [];
    for (let power = Math.ceil(low); power <= high; power++) ticks.push(power);
    const number = Number(panels.depth.slice(1));
    const [bottom, top] = given.layout[`yaxis${number}`].domain;
    given.layout[`yaxis${number}`].range = [prices[0], prices[rows]];
    return {
      type: "heatmap", x: edges_ms, y: prices, yaxis: panels.depth, name: title,
      z: held.map((row) => Array.from(row, (size) => (size > 0 ? Math.log10(size) : null))),
      customdata: held.map((row) => Array.from(row)),
      hovertemplate: `%{y}: %{customdata:.6~g}`, hoverongaps: false, zmin: low, zmax: high,
      colorscale: "Cividis",
      colorbar: { title: { text: title, side: "right" }, len: top - bottom, y: (top + bottom) / 2, thickness: 10,
        outlinewidth: 0, tickvals: ticks, ticktext: ticks.map((power) => String(10 ** power)) },
    };
  }

  const narrow = window.matchMedia("(max-width: 600px)").matches;
  if (narrow) given.layout.font.size = 11;
  fill();
  await Plotly.newPlot(plot, traces, given.layout, {
    responsive: true, displaylogo: false, doubleClick: "reset", plotlyServerURL: "",
    modeBarButtonsToRemove: ["sendChartToCloud", "select2d", "lasso2d", "autoScale2d"],
  });
  state.remove();

  // Ages and depth reach as far as what is in view; what the reader chose stays.
  const axis = (panel) => panels[panel].replace("y", "yaxis");
  const whole = Object.fromEntries(
    ["age", "depth"].filter((panel) => panels[panel]).map((panel) => [panel, [...plot.layout[axis(panel)].range]]),
  );
  function reach(chosen) {
    const [from, to] = view();
    const all = from <= time[0] && to >= time[count - 1];
    for (const panel of Object.keys(whole)) {
      if (chosen.some((key) => key.startsWith(axis(panel)))) continue;
      const range = all ? whole[panel] : panel === "age" ? agesIn() : pricesIn(from, to);
      if (range) plot.layout[axis(panel)].range = [...range];
    }
  }
  function agesIn() {
    const seen = lines[lines.length - 1].trace.y.filter((one) => !Number.isNaN(one));
    if (!seen.length) return null;
    const most = seen.reduce((a, b) => Math.max(a, b)), least = seen.reduce((a, b) => Math.min(a, b));
    return [Math.min(0, 1.1 * least), 1.1 * Math.max(most, given.normal_max_ms)];
  }
  function pricesIn(from, to) {
    const { x, y, customdata } = traces[traces.length - 1];
    const held = customdata.map((row) => row.some((size, at) => size > 0 && x[at + 1] >= from && x[at] <= to));
    const low = held.indexOf(true), high = held.lastIndexOf(true);
    return low < 0 ? null : [y[low], y[high + 1]];
  }

  let waiting = false;
  plot.on("plotly_relayout", (change) => {
    const keys = Object.keys(change);
    if (waiting || !keys.some((key) => key.startsWith("xaxis") || key === "autosize")) return;
    waiting = true;
    requestAnimationFrame(async () => {
      fill();
      if (!keys.includes("autosize")) reach(keys);
      await Plotly.react(plot, traces, plot.layout);
      waiting = false;
    });
  });
  document.body.dataset.drawn = String(count);
})();
