// The rule builder: draws the JSON in a textarea as conditions to choose and fill in, and writes it back.
//
// The parsed JSON itself is the state. A control changes its own key and nothing else, so what was not touched comes
// back as it was; what no control fits is shown as JSON. The server says what is wrong with a rule and whom it finds.

import { button, choices, element, listId, select, span, suggested } from "./rule_parts.js";
import { fits, isObject, kindOf, valueOf } from "./rule_shapes.js";

const GROUPS = ["all", "any"];
const DATES = ["birthday", "created_at", "last_seen_at"];
const VALUELESS = ["exists", "not_exists"];

// --- One builder --------------------------------------------------------------------------------------------

class Builder {
  constructor(root) {
    this.root = root;
    // Where a rule is one of several ways to say something, none at all is not everybody.
    this.isOptional = "ruleOptional" in root.dataset;
    this.tree = root.querySelector("[data-rule-tree]");
    this.text = root.querySelector("textarea");
    this.preview = root.querySelector("[data-rule-preview]");
    this.menu = JSON.parse(root.querySelector("[data-rule-menu]").content.textContent);
    this.words = this.menu.words;
    this.offers = new Map(this.menu.offers.map((offer) => [offer.kind, offer]));
    this.properties = new Map();
    root.querySelector("[data-rule-text]").open = false;
    this.text.addEventListener("input", (event) => event.isTrusted && this.read());
    this.preview.addEventListener("htmx:afterSwap", () => this.placeFaults());
    this.read();
  }

  // The textarea → the tree. Text that is no rule leaves only the text to edit.
  read() {
    try {
      this.rule = JSON.parse(this.text.value.trim() || "{}");
    } catch {
      this.rule = null;
    }
    this.tree.hidden = !isObject(this.rule);
    if (this.tree.hidden) this.root.querySelector("[data-rule-text]").open = true;
    else this.draw();
  }

  // The tree → the textarea, from which the server is asked.
  write() {
    this.text.value = JSON.stringify(this.rule, null, 2);
    this.text.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // After a change of form: draw anew and put the keyboard where it is wanted, an element's data-focus.
  redraw(focus = "") {
    this.write();
    this.draw();
    if (focus) this.tree.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus();
  }

  draw() {
    const place = { path: "", level: 0, replace: (node, focus) => this.setRoot(node, focus), remove: null };
    this.tree.replaceChildren(this.node(this.rule, place));
    this.placeFaults();
  }

  setRoot(node, focus) {
    this.rule = node;
    this.redraw(focus);
  }

  // --- Nodes ----------------------------------------------------------------------------------------------
  // A place knows where a node stands: its path as the server names it, and how to put another there.

  node(node, place) {
    if (!isObject(node) || Object.keys(node).length > 1) return this.asJson(node, place);
    const kind = kindOf(node);
    if (kind === undefined) return this.group({ all: [] }, "all", place);
    if (GROUPS.includes(kind)) {
      return Array.isArray(node[kind]) ? this.group(node, kind, place) : this.asJson(node, place);
    }
    if (kind === "not") return this.negation(node, place);
    return fits(this.offers.get(kind), node[kind], this.menu.ops.bounds) ? this.leaf(node, kind, place) : this.asJson(node, place);
  }

  box(place, role, label, ...children) {
    return element("div", { class: `rule-${role}`, role: "group", "aria-label": label, "data-path": place.path, "data-node": true }, ...children);
  }

  below(place, suffix, replace, remove) {
    return { path: place.path ? `${place.path}.${suffix}` : suffix, level: place.level + 1, replace, remove };
  }

  negation(node, place) {
    const inner = this.below(place, "not", (changed, focus) => {
      node.not = changed;
      this.redraw(focus);
    }, place.remove);
    return this.box(place, "not", this.words.not,
      element("div", { class: "rule-bar" }, element("span", { class: "pill" }, this.words.not),
        button(this.words.negate, () => place.replace(node.not, `${place.path}:negate`), { "data-focus": `${place.path}:negate` })),
      this.node(node.not, inner));
  }

  group(node, kind, place) {
    const nodes = node[kind];
    const adopt = () => {
      // Nothing at all is drawn as an empty group; it becomes one when something is put in.
      if (place.path === "" && kindOf(this.rule) === undefined) this.rule = node;
    };
    const items = nodes.map((child, index) =>
      element("li", {}, this.node(child, this.below(place, `${kind}[${index}]`, (changed, focus) => {
        nodes[index] = changed;
        this.redraw(focus);
      }, () => {
        nodes.splice(index, 1);
        this.redraw(`${place.path}:add`);
      }))));
    const choose = select(this.words.group, GROUPS.map((name) => [name, this.words[name]]), kind, (chosen) =>
      place.replace({ [chosen]: nodes }, `${place.path}:kind`));
    choose.dataset.focus = `${place.path}:kind`;
    const nothing = place.path === "" && this.isOptional ? this.words.no_rule : kind === "all" ? this.words.everybody : this.words.nobody;
    const empty = nodes.length ? null : element("p", { class: "muted small" }, nothing);
    return this.box(place, "group", this.words.group,
      element("div", { class: "rule-bar" }, choose, this.tools(node, place, place.level ? button(this.words.dissolve, () => this.dissolve(nodes, place)) : null)),
      element("ul", { class: "rule-nodes" }, ...items), empty, this.adder(place, (added) => {
        adopt();
        nodes.push(added);
        this.redraw(`${place.path ? `${place.path}.` : ""}${kind}[${nodes.length - 1}]:first`);
      }));
  }

  dissolve(nodes, place) {
    if (nodes.length === 1) place.replace(nodes[0]);
    else if (nodes.length === 0 && place.remove) place.remove();
    else place.replace({ all: nodes }, `${place.path}:kind`);
  }

  tools(node, place, more = null) {
    if (place.path === "" && !kindOf(node)) return "";
    return element("span", { class: "rule-tools" }, more,
      button(this.words.negate, () => place.replace({ not: node }, `${place.path}:negate`)),
      place.level ? button(this.words.nest, () => place.replace({ any: [node] }, `${place.path}:add`)) : null,
      place.remove ? button("×", place.remove, { "aria-label": this.words.remove, title: this.words.remove, class: "icon-button" }) : null);
  }

  adder(place, add) {
    const kinds = element("select", { "aria-label": this.words.add, "data-focus": `${place.path}:add` });
    kinds.append(element("option", { value: "" }, `${this.words.add} …`));
    const groups = new Map();
    for (const offer of this.menu.offers) {
      if (!groups.has(offer.group)) groups.set(offer.group, element("optgroup", { label: offer.group }));
      groups.get(offer.group).append(element("option", { value: offer.kind }, offer.label));
    }
    groups.set("", element("optgroup", { label: this.words.groups }, ...GROUPS.map((kind) => element("option", { value: kind }, this.words[kind]))));
    kinds.append(...groups.values());
    const act = () => {
      if (!kinds.value) return;
      const fresh = GROUPS.includes(kinds.value) ? [] : structuredClone(this.offers.get(kinds.value).new);
      add({ [kinds.value]: fresh });
    };
    // A keyboard walks through the options: only the button, Enter or a pointer adds.
    kinds.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        act();
      }
    });
    return element("div", { class: "rule-add" }, kinds, button("+", act, { "aria-label": this.words.add, title: this.words.add, class: "button button-s" }));
  }

  asJson(node, place) {
    const kept = element("textarea", {
      class: "mono", rows: "3", spellcheck: "false", "aria-label": this.words.json, "data-focus": `${place.path}:first`,
      onchange: (event) => {
        try {
          const changed = JSON.parse(event.target.value);
          event.target.setCustomValidity("");
          place.replace(changed);
        } catch {
          event.target.setCustomValidity(this.words.not_json);
          event.target.reportValidity();
        }
      },
    });
    kept.value = JSON.stringify(node, null, 2);
    return this.box(place, "leaf", this.words.json, element("div", { class: "rule-bar" }, element("span", { class: "rule-kind" }, this.words.json), this.tools(node, place)), kept);
  }

  // --- Leaves -----------------------------------------------------------------------------------------------

  leaf(node, kind, place) {
    const offer = this.offers.get(kind);
    const leaf = { node, kind, offer, path: place.path, holder: offer.controls.length === 1 && !offer.controls[0].key ? node : node[kind] };
    const parts = element("div", { class: "rule-parts" });
    for (const control of offer.controls) {
      const key = control.key || kind;
      if (control.type !== "test" && control.optional && !(key in leaf.holder)) continue;
      parts.append(this.part(leaf, control, key));
    }
    const first = parts.querySelector("select, input, textarea, button");
    if (first) first.dataset.focus = `${place.path}:first`;
    return this.box(place, "leaf", `${this.words.condition}: ${offer.label}`,
      element("div", { class: "rule-bar" }, element("span", { class: "rule-kind" }, offer.label), this.tools(node, place)), parts, this.more(leaf));
  }

  // What could still be said: a button for each key that is not there.
  more(leaf) {
    const absent = leaf.offer.controls.filter((control) => control.optional && !(control.key in leaf.holder));
    if (!absent.length) return null;
    return element("div", { class: "rule-more" }, ...absent.map((control) =>
      button(`+ ${control.label}`, () => {
        leaf.holder[control.key] = this.fresh(control, leaf);
        this.redraw(`${leaf.path}:${control.key}`);
      })));
  }

  fresh(control, leaf) {
    switch (control.type) {
      case "flag": return true;
      case "choices": return [];
      case "span": return "P30D";
      case "compare": return { gte: 1 };
      case "where": return [{ property: "", op: "eq", value: "" }];
      case "choice": return (this.list(control, leaf)[0] ?? [""])[0];
      default: return "";
    }
  }

  part(leaf, control, key) {
    const drawn = this.control(leaf, control, key);
    const wanted = drawn.matches("input, select, textarea") ? drawn : drawn.querySelector("input, select, textarea, button");
    if (wanted) wanted.dataset.focus = `${leaf.path}:${key}`;
    return element("div", { class: "rule-part" },
      control.label ? element("span", { class: "rule-label", "aria-hidden": "true" }, control.label) : null, drawn,
      control.optional ? button("×", () => {
        delete leaf.holder[key];
        this.redraw(`${leaf.path}:first`);
      }, { "aria-label": `${this.words.remove}: ${control.label}`, class: "icon-button" }) : null);
  }

  list(control, leaf) {
    const found = this.menu.lists[control.list] ?? [];
    return control.by ? found[leaf.holder[control.by]] ?? [] : found;
  }

  control(leaf, control, key) {
    const set = (value, redraw = false) => {
      leaf.holder[key] = value;
      if (redraw) this.redraw(`${leaf.path}:${key}`);
      else this.write();
    };
    const value = leaf.holder[key];
    switch (control.type) {
      case "test": return this.test(leaf.holder, this.family(leaf), () => this.redraw(`${leaf.path}:${key}`), this.valuesFor(leaf));
      case "choice": return select(control.label, this.list(control, leaf), value, (chosen) => this.choose(leaf, key, chosen));
      case "choices": return choices(control.label, this.list(control, leaf), value, set);
      case "flag": return select(control.label, [["true", this.words.yes], ["false", this.words.no]], String(value), (chosen) => set(chosen === "true"));
      case "span": return span(control.label, value, set, this.words);
      case "compare": return this.compare(control.label, value, leaf, key);
      case "where": return this.where(value, leaf, key);
      default: return suggested(control.label, this.list(control, leaf), value, set);
    }
  }

  // Choosing another field or journey changes what else makes sense.
  choose(leaf, key, chosen) {
    if (leaf.holder[key] === chosen) return;
    const before = this.family(leaf);
    leaf.holder[key] = chosen;
    if (leaf.kind === "field" && this.family(leaf) !== before) {
      Object.assign(leaf.holder, this.family(leaf) === "date" ? { op: "within", value: "P30D" } : { op: "eq", value: "" });
    }
    if (leaf.offer.controls.some((control) => control.by === key)) leaf.holder.in = [];
    this.redraw(`${leaf.path}:${key}`);
  }

  family(leaf) {
    if (leaf.kind !== "field") return "value";
    return DATES.includes(leaf.holder.name) ? "date" : "text";
  }

  valuesFor(leaf) {
    return leaf.kind === "field" && leaf.holder.name === "owner" ? this.menu.lists.owners : [];
  }

  compare(label, bounds, leaf, key) {
    const names = this.menu.ops.bounds.map((name) => [name, this.menu.operators[name]]);
    const redraw = () => this.redraw(`${leaf.path}:${key}`);
    const rows = Object.entries(bounds).map(([name, bound]) => {
      const how = select(`${label}: ${this.words.operator}`, names.filter(([one]) => one === name || !(one in bounds)), name, (chosen) => {
        // The same place among the bounds under another name.
        leaf.holder[key] = Object.fromEntries(Object.entries(bounds).map(([one, held]) => [one === name ? chosen : one, held]));
        redraw();
      });
      const input = element("input", { type: "text", inputmode: "decimal", "aria-label": label, oninput: (event) => {
        bounds[name] = valueOf(event.target.value.trim(), bounds[name]);
        this.write();
      } });
      input.value = bound;
      return element("span", { class: "rule-input" }, how, input, Object.keys(bounds).length > 1 ? button("×", () => {
        delete bounds[name];
        redraw();
      }, { "aria-label": this.words.remove, class: "icon-button" }) : null);
    });
    const unused = this.menu.ops.bounds.find((name) => !(name in bounds));
    if (unused && rows.length < 2) rows.push(button("+", () => {
      bounds[["lte", "gte"].find((name) => !(name in bounds)) ?? unused] = 1;
      redraw();
    }, { "aria-label": `${label}: ${this.words.one_more}` }));
    return element("span", { class: "rule-compare" }, ...rows);
  }

  where(tests, leaf, key) {
    const redraw = () => this.redraw(`${leaf.path}:${key}`);
    const list = element("datalist", { id: listId() });
    this.loadProperties(leaf.holder.name, list);
    const rows = tests.map((test, index) => {
      const name = element("input", { type: "text", list: list.id, "aria-label": this.words.property, placeholder: this.words.property, oninput: (event) => {
        test.property = event.target.value;
        this.write();
      } });
      name.value = test.property ?? "";
      return element("div", { class: "rule-test", "data-path": `${leaf.path ? `${leaf.path}.` : ""}${leaf.kind}.where[${index}]` }, name, this.test(test, "value", redraw),
        button("×", () => {
          tests.splice(index, 1);
          redraw();
        }, { "aria-label": this.words.remove, class: "icon-button" }));
    });
    return element("span", { class: "rule-wheres" }, list, ...rows, button(`+ ${this.words.property}`, () => {
      tests.push({ property: "", op: "eq", value: "" });
      redraw();
    }));
  }

  async loadProperties(event, list) {
    if (!event) return;
    if (!this.properties.has(event)) {
      const url = `${this.root.dataset.properties}?${new URLSearchParams({ event })}`;
      this.properties.set(event, fetch(url).then((answer) => (answer.ok ? answer.json() : { properties: [] })).catch(() => ({ properties: [] })));
    }
    const { properties } = await this.properties.get(event);
    list.replaceChildren(...properties.map((name) => element("option", { value: name })));
  }

  // How, and against what: the `op` and `value` of a field, an attribute or a property.
  test(test, family, redraw, suggestions = []) {
    const names = this.menu.ops[family].map((name) => [name, this.menu.operators[name]]);
    const how = select(this.words.operator, names, test.op, (chosen) => {
      const many = (op) => ["in", "not_in"].includes(op);
      if (VALUELESS.includes(chosen)) delete test.value;
      else if (many(chosen) && !Array.isArray(test.value)) test.value = test.value === undefined || test.value === "" ? [] : [test.value];
      else if (!many(chosen) && Array.isArray(test.value)) test.value = test.value[0] ?? "";
      else if (test.value === undefined) test.value = "";
      if (family === "date" && !VALUELESS.includes(chosen) && (chosen === "within") !== (test.op === "within")) {
        test.value = chosen === "within" ? "P30D" : "";
      }
      test.op = chosen;
      redraw();
    });
    const parts = element("span", { class: "rule-input" }, how);
    const set = (value) => {
      test.value = value;
      this.write();
    };
    if ("value" in test) parts.append(this.value(test, family, set, suggestions));
    return parts;
  }

  value(test, family, set, suggestions) {
    if (test.op === "within") return span(this.words.value, test.value, set, this.words);
    if (Array.isArray(test.value)) {
      const lines = element("textarea", { rows: "2", "aria-label": this.words.values, title: this.words.values, oninput: (event) =>
        set(event.target.value.split("\n").filter((line) => line !== "" || before.includes(line)).map((line) => valueOf(line, before.find((one) => String(one) === line)))) });
      const before = test.value;
      lines.value = test.value.join("\n");
      return lines;
    }
    const text = String(test.value);
    if (family === "date" && (text === "" || /^\d{4}-\d\d-\d\d$/.test(text))) {
      const date = element("input", { type: "date", "aria-label": this.words.value, oninput: (event) => set(event.target.value) });
      date.value = text;
      return date;
    }
    return suggested(this.words.value, suggestions, text, (typed) => set(family === "value" ? valueOf(typed, test.value) : typed));
  }

  // --- Faults -------------------------------------------------------------------------------------------------

  // The server names places in the rule; what is wrong is said there. Places that are not drawn stay in the list.
  placeFaults() {
    for (const old of this.tree.querySelectorAll(".rule-fault")) old.remove();
    const places = [...this.tree.querySelectorAll("[data-path]")].sort((a, b) => b.dataset.path.length - a.dataset.path.length);
    for (const fault of this.preview.querySelectorAll("[data-rule-faults] > [data-path]")) {
      const path = fault.dataset.path;
      const place = places.find(({ dataset }) => dataset.path === "" || path === dataset.path || [".", "["].some((next) => path.startsWith(dataset.path + next)));
      fault.hidden = Boolean(path && place) && !this.tree.hidden;
      if (!fault.hidden) continue;
      const at = path.slice(place.dataset.path.length).replace(/^\./, "");
      const said = fault.textContent.slice(path.length).replace(/^: /, "");
      const line = element("p", { class: "rule-fault errorlist" }, at.split(".").slice(1).join(".") ? `${at.split(".").slice(1).join(".")}: ${said}` : said);
      const parts = [...place.children].find((child) => child.matches(".rule-nodes"));
      if (parts) parts.before(line);
      else place.append(line);
    }
  }
}

function begin(root) {
  for (const found of root.querySelectorAll("[data-rule]")) found.ruleBuilder ??= new Builder(found);
}

document.addEventListener("htmx:load", (event) => begin(event.detail.elt.parentElement ?? document));
begin(document);
