"use strict";
// Keyboard shortcuts. The page itself is the registry: a link, button or field with data-key="r" answers to "r" (or to
// "g" then the letter, written data-key="g c"), and the help dialog lists exactly those. j, k and Enter walk the rows.
if ("shortcuts" in document.body.dataset) {
  const help = document.getElementById("shortcuts");
  let waiting = ""; // the first half of a two-key shortcut
  let row = -1;

  const typing = (element) => element.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  const shown = (element) => element.checkVisibility();
  const rows = () => [...document.querySelectorAll("[data-row]")].filter(shown);

  function press(element) {
    if (element.matches("input, textarea, select")) {
      element.focus();
      element.select?.();
    } else {
      element.click();
    }
  }

  function walk(step) {
    const all = rows();
    if (!all.length) return;
    all[row]?.classList.remove("on-row");
    row = Math.max(0, Math.min(all.length - 1, row + step));
    all[row].classList.add("on-row");
    all[row].scrollIntoView({ block: "nearest" });
  }

  function openRow() {
    rows()[row]?.querySelector("a")?.click();
  }

  function listShortcuts() {
    const list = help.querySelector("[data-shortcut-list]");
    list.replaceChildren();
    const seen = new Set();
    for (const element of document.querySelectorAll("[data-key]")) {
      const key = element.dataset.key;
      if (seen.has(key)) continue;
      seen.add(key);
      const name = element.dataset.keyLabel || element.getAttribute("aria-label") || element.textContent.trim();
      const term = document.createElement("dt");
      key.split(" ").forEach((part, index) => {
        if (index) term.append(" ");
        const cap = document.createElement("kbd");
        cap.textContent = part;
        term.append(cap);
      });
      const meaning = document.createElement("dd");
      meaning.textContent = name;
      list.append(term, meaning);
    }
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const key = waiting ? `${waiting} ${event.key}` : event.key;
    waiting = "";
    const target = [...document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].find(
      (element) => shown(element) || element.closest("dialog, nav"),
    );
    if (target) press(target);
    else if (key === "?") {
      listShortcuts();
      help.showModal();
    } else if (key === "g") {
      waiting = "g";
      return;
    } else if (key === "j") walk(1);
    else if (key === "k") walk(-1);
    else if (key === "Enter" && row >= 0 && event.target === document.body) openRow();
    else return;
    event.preventDefault();
  });
  document.addEventListener("htmx:afterSwap", () => {
    row = -1;
  });
}
