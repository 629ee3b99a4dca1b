// What the rule builder draws with: elements, and controls that know nothing of the rule they stand in.

const SPAN = /^P(T?)([1-9][0-9]{0,4})([YMWDH])$/;
let serial = 0;

// An id of its own for each list of suggestions on the page.
export const listId = () => `rule-list-${++serial}`;

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") made.toggleAttribute(name, value);
    else if (value !== undefined && value !== "") made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

function options(pairs, value) {
  // A value that is not offered, any more or yet, stays chosen.
  const known = pairs.some(([option]) => option === value);
  const all = known ? pairs : [[value, value], ...pairs];
  return all.map(([option, label]) => {
    const made = element("option", { value: option }, label || "…");
    made.selected = option === value;
    return made;
  });
}

export const select = (label, pairs, value, change) =>
  element("select", { "aria-label": label, onchange: (event) => change(event.target.value) }, ...options(pairs, value));

export const button = (label, action, attributes = {}) =>
  element("button", { type: "button", class: "rule-button", onclick: action, ...attributes }, label);

// A line to type in, with suggestions.
export function suggested(label, pairs, value, set) {
  const input = element("input", { type: "text", "aria-label": label, oninput: (event) => set(event.target.value), maxlength: "200" });
  input.value = value ?? "";
  if (!pairs.length) return input;
  const list = element("datalist", { id: listId() }, ...pairs.map(([option, said]) => element("option", { value: option }, said)));
  input.setAttribute("list", list.id);
  return element("span", { class: "rule-input" }, input, list);
}

// A box to tick for each; changes the list `value` in place.
export function choices(label, pairs, value, set) {
  const all = [...pairs, ...value.filter((one) => !pairs.some(([option]) => option === one)).map((one) => [one, one])];
  return element("span", { class: "rule-choices", role: "group", "aria-label": label }, ...all.map(([option, said]) => {
    const box = element("input", { type: "checkbox", onchange: () => {
      const at = value.indexOf(option);
      if (box.checked && at < 0) value.push(option);
      else if (!box.checked && at >= 0) value.splice(at, 1);
      set(value);
    } });
    box.checked = value.includes(option);
    return element("label", {}, box, said);
  }));
}

// A length of time, as a number and its unit; one that has several units stays a line of text.
export function span(label, value, set, words) {
  const read = SPAN.exec(value);
  if (!read || (read[1] === "T") !== ["H"].includes(read[3]) && !(read[1] === "T" && read[3] === "M")) return suggested(label, [], value, set);
  const units = ["PTM", "PTH", "PD", "PW", "PM", "PY"].map((unit) => [unit, words[unit]]);
  const length = element("input", { type: "number", min: "1", max: "99999", "aria-label": label });
  length.value = read[2];
  const unit = select(words.unit, units, `P${read[1]}${read[3]}`, () => change());
  const change = () => set(`${unit.value.slice(0, -1)}${length.value || 0}${unit.value.slice(-1)}`);
  length.addEventListener("input", change);
  return element("span", { class: "rule-input" }, length, unit);
}
