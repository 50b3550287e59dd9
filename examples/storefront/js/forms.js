// Forms: fields with labels, what is wrong beside the field that is wrong.

import { Problem } from "/js/api.js";
import { fill, h, refusal } from "/js/dom.js";
import { countries } from "/js/words.js";

/** A labelled input; `name` is the API's, with points: `address.city`. */
export function field(name, label, options = {}) {
  const { hint, choices, optional, ...attributes } = options;
  const id = `field-${name.replaceAll(".", "-")}`;
  const described = `${id}-wrong${hint ? ` ${id}-hint` : ""}`;
  const shared = { id, name, required: !optional, "aria-describedby": described };
  const input = choices
    ? h(
        "select",
        { ...shared, ...attributes },
        choices.map(([value, text]) => h("option", { value, selected: value === attributes.value }, text)),
      )
    : h("input", { type: "text", maxlength: 200, ...shared, ...attributes });
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label, optional && h("span", { class: "quiet small" }, " (if any)")),
    input,
    hint && h("p", { class: "quiet small", id: `${id}-hint` }, hint),
    h("p", { class: "wrong", id: `${id}-wrong` }),
  );
}

/** A form that calls `send(values)`, shows what is wrong, and can't be sent twice at once. */
export function form(fields, label, send, { danger = false, id } = {}) {
  const failed = h("div");
  const button = h("button", { class: danger ? "full" : "primary full" }, label);
  const element = h("form", { id, novalidate: true, onsubmit }, fields, failed, button);
  async function onsubmit(event) {
    event.preventDefault();
    fill(failed);
    forgetWrong(element);
    if (!checkFields(element)) return;
    button.disabled = true;
    try {
      await send(values(element), element);
    } catch (problem) {
      showProblem(element, failed, problem);
    }
    button.disabled = false;
  }
  return element;
}

/** What a form holds, trimmed; passwords as they are. */
export function values(element) {
  const entries = [...new FormData(element)].map(([name, value]) => [
    name,
    element.elements[name].type === "password" ? value : value.trim(),
  ]);
  return Object.fromEntries(entries);
}

export function forgetWrong(element) {
  for (const place of element.querySelectorAll(".wrong")) place.textContent = "";
  for (const input of element.elements) input.removeAttribute("aria-invalid");
}

/** Say at each field what the browser finds wrong; lead to the first one. */
export function checkFields(element) {
  const wrong = [...element.elements].filter((input) => input.willValidate && !input.validity.valid);
  for (const input of wrong) tell(input, input.validationMessage);
  wrong[0]?.focus();
  return !wrong.length;
}

function tell(input, message) {
  const place = document.getElementById(`${input.id}-wrong`);
  if (place) place.textContent = message;
  input.setAttribute("aria-invalid", "true");
  return Boolean(place);
}

/** Show a problem: its fields' at the fields, the rest in `place`. */
export function showProblem(element, place, problem) {
  if (!(problem instanceof Problem)) {
    if (problem.name !== "AbortError") console.error(problem);
    return;
  }
  const rest = [];
  let first = null;
  for (const error of problem.errors) {
    const input = element.elements[error.field] ?? element.elements[`address.${error.field}`];
    if (input?.id && tell(input, error.detail)) first ??= input;
    else rest.push(`${error.field}: ${error.detail}`);
  }
  if (!first || rest.length) fill(place, refusal(rest.length ? { message: rest.join(" ") } : problem));
  first?.focus();
}

const ADDRESS = [
  ["name", "Name", { autocomplete: "name" }],
  ["company_name", "Company", { optional: true, autocomplete: "organization" }],
  ["street_address", "Street and number", { autocomplete: "address-line1" }],
  ["post_code", "Post code", { optional: true, maxlength: 20, autocomplete: "postal-code" }],
  ["city", "City", { autocomplete: "address-level2" }],
  ["state", "State or region", { optional: true, maxlength: 100, autocomplete: "address-level1" }],
  [
    "phone_number",
    "Phone",
    { type: "tel", maxlength: 30, autocomplete: "tel", placeholder: "+46 70 123 45 67", hint: "With the country, such as +46." },
  ],
];

/** The fields of an address, with the values that it has. */
export function addressFields(address = {}) {
  const fields = ADDRESS.map(([name, label, options]) => field(`address.${name}`, label, { ...options, value: address[name] ?? "" }));
  const choices = [["", "Choose …"], ...countries()];
  if (address.country && !choices.some(([code]) => code === address.country)) choices.push([address.country, address.country]);
  const country = field("address.country", "Country", { choices, value: address.country ?? "", autocomplete: "country" });
  return h("div", { class: "pair" }, fields.slice(0, 5), country, fields.slice(5));
}

/** The address that a form's values hold; what is empty is left out. */
export function addressOf(held) {
  const parts = Object.entries(held).filter(([name, value]) => name.startsWith("address.") && value);
  return Object.fromEntries(parts.map(([name, value]) => [name.slice(8), value]));
}
