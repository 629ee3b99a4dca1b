"use strict";
// The few things a page cannot do with links, forms and htmx alone. Every page works without this file.

// --- Toasts: short answers in the corner ------------------------------------------------------------
const toasts = document.getElementById("toasts");

function dismiss(toast) {
  toast?.remove();
}

function expire(toast) {
  // What went wrong stays until it is read; what went well goes by itself.
  if (!toast.classList.contains("toast-error")) setTimeout(dismiss, 6000, toast);
}

function say(text, tone = "info") {
  const toast = document.createElement("div");
  toast.className = `toast toast-${tone}`;
  toast.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "icon-button";
  close.dataset.dismiss = "";
  close.textContent = "×";
  close.setAttribute("aria-label", toasts.dataset.close);
  toast.append(close);
  toasts.append(toast);
  expire(toast);
}

toasts.querySelectorAll(".toast").forEach(expire);
document.addEventListener("toast", (event) => say(event.detail.text, event.detail.tone));

// --- What to say when htmx gets no answer, or a bad one ------------------------------------------------
const words = document.body.dataset;
document.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  const refused = { 403: words.refused, 404: words.gone, 410: words.gone };
  say(refused[status] || words.failed, "error");
});
document.addEventListener("htmx:sendError", () => say(words.failed, "error"));
document.addEventListener("htmx:timeout", () => say(words.failed, "error"));

// --- Menus, dialogs, copying ------------------------------------------------------------------------------
document.addEventListener("click", (event) => {
  for (const box of document.querySelectorAll("details.menu-box[open]")) {
    if (!box.contains(event.target)) box.open = false;
  }
  const button = event.target.closest("[data-dialog], [data-close], [data-dismiss], [data-copy]");
  if (!button) return;
  if (button.dataset.dialog) document.getElementById(button.dataset.dialog)?.showModal();
  if ("close" in button.dataset) button.closest("dialog")?.close();
  if ("dismiss" in button.dataset) dismiss(button.closest(".toast"));
  if (button.dataset.copy) {
    navigator.clipboard.writeText(button.dataset.copy).then(() => say(button.dataset.copied, "success"));
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const box of document.querySelectorAll("details.menu-box[open]")) {
    box.open = false;
    box.querySelector("summary").focus();
  }
});
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

// --- Drafts: what was typed survives a lost session or a closed tab, until it is sent -----------------------
const draftKey = (field) => `draft:${location.pathname}:${field.dataset.draft}`;

function restoreDrafts(root) {
  for (const field of root.querySelectorAll("[data-draft]")) {
    const kept = sessionStorage.getItem(draftKey(field));
    if (kept && !field.value) field.value = kept;
  }
}

document.addEventListener("input", (event) => {
  const field = event.target;
  if (!field.dataset.draft) return;
  if (field.value) sessionStorage.setItem(draftKey(field), field.value);
  else sessionStorage.removeItem(draftKey(field));
});
// Before the answer is put in place: what stands there may be the same field again, empty.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, requestConfig } = event.detail;
  if (xhr.status >= 300 || requestConfig.verb === "get") return;
  for (const field of requestConfig.elt.querySelectorAll("[data-draft]")) sessionStorage.removeItem(draftKey(field));
});
document.addEventListener("htmx:load", (event) => restoreDrafts(event.detail.elt));
restoreDrafts(document);

// --- Emails that are being written: drawn in their frames as soon as the preview is there ---------------------
// One after the other: a form that is submitted again forgets where it was going.
function drawLetters([button, ...others]) {
  const frame = button?.isConnected && document.querySelector(`iframe[name="${button.formTarget}"]`);
  if (!frame) return;
  frame.addEventListener("load", () => drawLetters(others), { once: true });
  button.form.requestSubmit(button);
}
document.addEventListener("htmx:load", (event) => drawLetters([...event.detail.elt.querySelectorAll("[data-draw]")]));
