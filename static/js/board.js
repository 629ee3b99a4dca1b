"use strict";
// Dragging a card to another column fills in its own form: what is dropped is still a move with a reason, and a button.
const board = document.querySelector(".board");
let dragged = null;

function columnOf(event) {
  return event.target.closest?.(".board-column");
}

board?.addEventListener("dragstart", (event) => {
  dragged = event.target.closest(".board-card");
  if (dragged) event.dataTransfer.effectAllowed = "move";
});

board?.addEventListener("dragover", (event) => {
  const column = columnOf(event);
  if (!dragged || !column || column.contains(dragged)) return;
  event.preventDefault();
  column.classList.add("over");
});

board?.addEventListener("dragleave", (event) => columnOf(event)?.classList.remove("over"));

board?.addEventListener("drop", (event) => {
  const column = columnOf(event);
  if (!dragged || !column) return;
  event.preventDefault();
  column.classList.remove("over");
  dragged.querySelector("select").value = column.dataset.stage;
  dragged.querySelector("details").open = true;
  dragged.querySelector("input[name=note]").focus();
});

board?.addEventListener("dragend", () => {
  dragged = null;
  for (const column of board.querySelectorAll(".over")) column.classList.remove("over");
});
