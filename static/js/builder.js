"use strict";
// The flow builder without a mouse: undo and redo, walking the cards, moving and deleting a step. All of it presses links
// and buttons of the page, which work without this file.
(() => {
  const builder = () => document.querySelector("[data-builder]");
  const typing = (element) => element.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  let focusNext = "";

  function walk(from, step) {
    const cards = [...builder().querySelectorAll("a[data-card]")];
    const next = cards[cards.indexOf(from) + step];
    next?.focus();
    return Boolean(next);
  }

  // Buttons of the panel act on the step that is open; a card with the focus is opened by the same request.
  function act(step, what) {
    const form = builder().querySelector("form[action$='/act/']");
    const button = document.createElement("button");
    const id = document.createElement("input");
    Object.assign(id, { type: "hidden", name: "step", value: step });
    Object.assign(button, { name: "do", value: what, hidden: true });
    form.append(id, button);
    focusNext = what === "delete" ? "" : `open-${step}`;
    button.click();
    button.remove();
    id.remove();
  }

  document.addEventListener("keydown", (event) => {
    if (!builder() || event.isComposing || typing(event.target) || document.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && !event.altKey && (key === "z" || key === "y")) {
      document.getElementById(key === "y" || event.shiftKey ? "redo" : "undo").click();
      event.preventDefault();
      return;
    }
    if (event.key === "Escape") {
      builder().querySelector("[data-panel-close]")?.click();
      return;
    }
    const card = event.target.closest("a[data-card]");
    if (!card) return;
    const vertical = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (vertical && event.altKey && card.dataset.step) act(card.dataset.step, vertical < 0 ? "up" : "down");
    else if (vertical && !event.altKey && walk(card, vertical)) event.preventDefault();
    else if (event.key === "Delete" && card.dataset.step) act(card.dataset.step, "delete");
    else return;
    event.preventDefault();
  });

  // After a swap the focus goes where the eye goes: to the fault, to the panel that opened, or back to the card.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[hx-get]");
    if (!link || !builder()?.contains(link)) return;
    focusNext = "panel-close" in link.dataset || "panelClose" in link.dataset ? lastOpen() : "panel";
  });

  // The button that moved a way keeps the focus where the way has gone; at the end, its fellow has it.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-way]");
    if (!button || !builder()?.contains(button)) return;
    const by = button.value === "earlier" ? -1 : 1;
    const moved = button.dataset.way.replace(/\[(\d+)\]\.steps$/, (_all, n) => `[${Number(n) + by}].steps`);
    focusNext = `${moved}-${button.value}`;
  });

  function lastOpen() {
    return builder().querySelector(".tree [aria-current]")?.id || "";
  }

  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id !== "builder") return;
    const wrong = builder().querySelector(".panel .field-bad :is(input, select, textarea)");
    const found = document.getElementById(focusNext);
    if (found?.disabled) focusNext = (found.nextElementSibling || found.previousElementSibling)?.id;
    const target = wrong || (focusNext === "panel" ? builder().querySelector("[data-panel-title]") : document.getElementById(focusNext));
    focusNext = "";
    target?.focus();
  });
})();
