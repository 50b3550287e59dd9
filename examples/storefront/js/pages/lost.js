// `/lost-link`: a guest asks for the link to an order once more.

import { post } from "/js/api.js";
import { fill, h } from "/js/dom.js";
import { field, form } from "/js/forms.js";

export function show({ main }) {
  const fields = [
    field("number", "Order number", { maxlength: 20, autocomplete: "off", hint: "As in the mail that you had, and on the parcel." }),
    field("email", "E-mail", { type: "email", maxlength: 254, autocomplete: "email", hint: "The one that you ordered with." }),
  ];
  const place = h("div", { class: "panel" }, form(fields, "Send me the link", ask));
  async function ask(held) {
    await post("/orders/links", held, { anonymous: true });
    fill(place, answer());
  }
  fill(
    main,
    h(
      "div",
      { class: "wide page narrow" },
      h("h1", {}, "Lost your order’s link?"),
      h("p", {}, "Who ordered without an account sees the order by a link. We send it to you again."),
      place,
    ),
  );
}

/** The same whether there is such an order or not: an order number alone must tell nothing. */
function answer() {
  const text = "If an order of this number was placed with this address, a link to it is on its way there.";
  return h("p", { class: "notice good", role: "status" }, text);
}
