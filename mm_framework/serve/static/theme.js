// Light or dark: what the reader chose, else what the system says. Runs before the page is drawn.
"use strict";
(() => {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => { try { return localStorage.getItem("mm-theme"); } catch { return null; } };
  const keep = (name) => { try { localStorage.setItem("mm-theme", name); } catch { /* a private window */ } };
  const root = document.documentElement;

  function apply(name) {
    root.dataset.theme = name;
    const button = document.getElementById("theme");
    if (button) button.textContent = name === "dark" ? "light colours" : "dark colours";
    window.dispatchEvent(new Event("mm-theme"));
  }

  const now = () => chosen() ?? (system.matches ? "dark" : "light");
  apply(now());
  system.addEventListener("change", () => apply(now()));
  document.addEventListener("DOMContentLoaded", () => {
    apply(now());
    document.getElementById("theme").addEventListener("click", () => {
      const name = root.dataset.theme === "dark" ? "light" : "dark";
      keep(name);
      apply(name);
    });
  });
})();
