// Draws the figures that the page carries, in the colours of the theme that the reader has.
"use strict";
(async () => {
  const given = JSON.parse(document.getElementById("given").textContent);
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("theme");
  const narrow = window.matchMedia("(max-width: 600px)");

  // {"role": name} stands for a colour.
  function coloured(value, colours) {
    if (Array.isArray(value)) return value.map((one) => coloured(one, colours));
    if (value === null || typeof value !== "object") return value;
    if (typeof value.role === "string" && Object.keys(value).length === 1) return colours[value.role];
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, coloured(one, colours)]));
  }

  function layout(own, height, colours) {
    const axis = { gridcolor: colours.grid, linecolor: colours.grid, zerolinecolor: colours.mid, automargin: true };
    const whole = {
      height: narrow.matches ? Math.round(0.85 * height) : height,
      paper_bgcolor: colours.ground, plot_bgcolor: colours.ground,
      font: { color: colours.text, family: "system-ui, sans-serif", size: narrow.matches ? 11 : 13 },
      margin: { l: 8, r: 14, t: 28, b: 8 },
      legend: { orientation: "h", x: 0, y: 1.0, yanchor: "bottom", xanchor: "left" },
      hoverlabel: { bgcolor: colours.ground, bordercolor: colours.grid, namelength: -1 },
      ...own,
    };
    for (const key of Object.keys(own)) {
      if (/^[xy]axis/.test(key)) whole[key] = { ...axis, ...own[key] };
      if (own[key].type === "date") whole[key].nticks = narrow.matches ? 4 : 7;
    }
    return coloured(whole, colours);
  }

  async function draw() {
    const theme = root.dataset.theme;
    const colours = given.themes[theme];
    button.textContent = theme === "dark" ? "light colours" : "dark colours";
    for (const [id, figure] of Object.entries(given.figures)) {
      await Plotly.react(id, coloured(figure.data, colours), layout(figure.layout, figure.height, colours), {
        responsive: true, displaylogo: false, plotlyServerURL: "",
        modeBarButtonsToRemove: ["sendChartToCloud", "select2d", "lasso2d", "autoScale2d"],
      });
    }
    document.body.dataset.drawn = theme;
  }

  if (!root.dataset.theme) {
    root.dataset.theme = dark.matches ? "dark" : "light";
    dark.addEventListener("change", () => { root.dataset.theme = dark.matches ? "dark" : "light"; draw(); });
  }
  button.addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    draw();
  });
  await draw();
})();
