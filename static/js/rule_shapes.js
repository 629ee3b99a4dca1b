// Which parts of a rule a control can show without losing anything; what none can is shown as JSON.

const NUMBER = /^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,10})?$/;

export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
export const kindOf = (node) => Object.keys(node)[0];
// What was typed, as a number when it looks like one; what is typed as it stood keeps its type.
export const valueOf = (text, before) => (String(before) === text ? before : NUMBER.test(text) ? Number(text) : text);

const isScalar = (value) => ["string", "number", "boolean"].includes(typeof value);
// Texts with line breaks cannot be told apart when each stands on a line.
const isScalars = (value) => Array.isArray(value) && value.every((one) => isScalar(one) && !String(one).includes("\n"));
const isTested = (value) => isScalar(value) || isScalars(value);

// Whether the form that `offer` describes, undefined for none, can show `value` without losing a part of it. `bounds`
// are the names of comparisons.
export function fits(offer, value, bounds) {
  if (!offer) return false;
  const plain = offer.controls.length === 1 && offer.controls[0].key === "";
  if (plain) return typeof value === "string";
  if (!isObject(value)) return false;
  return Object.keys(value).every((key) => {
    if (["op", "value"].includes(key) && offer.controls.some((control) => control.type === "test")) {
      return key === "op" ? typeof value.op === "string" : isTested(value.value);
    }
    const control = offer.controls.find((one) => one.key === key);
    return control !== undefined && shows(control, value[key], bounds);
  });
}

function shows(control, value, bounds) {
  switch (control.type) {
    case "flag": return typeof value === "boolean";
    case "choices": return Array.isArray(value) && value.every((one) => typeof one === "string");
    case "compare": return isObject(value) && Object.entries(value).every(([name, bound]) => bounds.includes(name) && ["number", "string"].includes(typeof bound));
    case "where": return Array.isArray(value) && value.every(isTest);
    default: return typeof value === "string";
  }
}

function isTest(test) {
  return isObject(test) && Object.keys(test).every((key) => ["property", "op", "value"].includes(key)) && (!("value" in test) || isTested(test.value));
}
