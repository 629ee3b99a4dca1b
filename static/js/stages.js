"use strict";
// Dragging a stage to another place presses its own button with the number of that place; without a mouse there are the
// buttons beside it.
const stages = document.querySelector("[data-stages]");
let carried = null;

const lineAt = (event) => event.target.closest?.("[data-stage]");
const placeOf = (line) => [...stages.children].indexOf(line) + 1;

stages?.addEventListener("dragstart", (event) => {
  carried = lineAt(event);
  if (carried) event.dataTransfer.effectAllowed = "move";
});

stages?.addEventListener("dragover", (event) => {
  const line = lineAt(event);
  if (!carried || !line) return;
  event.preventDefault();
  for (const other of stages.children) other.classList.toggle("over", other === line && line !== carried);
});

stages?.addEventListener("drop", (event) => {
  const line = lineAt(event);
  if (!carried || !line || line === carried) return;
  event.preventDefault();
  const form = carried.querySelector(".stage-acts");
  const place = document.createElement("input");
  Object.assign(place, { type: "hidden", name: "place", value: placeOf(line) });
  form.append(place);
  form.submit();
});

stages?.addEventListener("dragend", () => {
  carried = null;
  for (const line of stages.children) line.classList.remove("over");
});
