// What lies in the cart, and what of it has changed.

import { cart } from "/js/cart.js";
import { picture, product } from "/js/catalogue.js";
import { fill, h, put, refusal, say } from "/js/dom.js";
import { sum } from "/js/sums.js";
import { money } from "/js/words.js";

export async function show({ main, isSame }) {
  const page = h("div", { class: "wide page" }, h("h1", {}, "Your cart"), h("p", { class: "quiet" }, "Looking …"));
  if (!isSame) fill(main, page);
  await cart.load();
  draw(page);
  cart.noteShown();
}

function draw(page) {
  if (!cart.count) {
    fill(
      page,
      h("h1", {}, "Your cart"),
      h(
        "div",
        { class: "empty" },
        h("p", {}, "There is nothing in it yet."),
        h("a", { class: "button primary", href: "/" }, "Look around"),
      ),
    );
    return;
  }
  const act = async (what, said) => {
    const focused = document.activeElement?.id;
    try {
      await what();
      draw(page);
      say(said);
      document.getElementById(focused)?.focus();
    } catch (problem) {
      draw(page);
      page.querySelector("h1").after(refusal(problem));
    }
  };
  const { lines, changes } = cart.current;
  fill(
    page,
    h("h1", {}, "Your cart"),
    changes.map((change) => h("p", { class: "notice", role: "status" }, told(change, lines))),
    h(
      "div",
      { class: "two" },
      h(
        "ul",
        { class: "lines" },
        lines.map((line) => row(line, act)),
      ),
      h(
        "section",
        { class: "panel still", "aria-label": "Sum" },
        coupon(act),
        sum(cart.current, null, cart.current.total),
        h("a", { class: "button primary full", href: "/checkout" }, "To the checkout"),
      ),
    ),
  );
}

/** What changed since the customer last looked. */
function told({ kind, product_id, old, new: now }, lines) {
  const what = lines.find((line) => line.product_id === product_id)?.name ?? "Something";
  const words = {
    price_changed: () => `${what} costs ${money(now.unit_price)} now; it was ${money(old.unit_price)}.`,
    sold_out: () => `${what} is sold out.`,
    less_available: () => `There are only ${now.free} of ${what} left.`,
    available_again: () => `${what} is there again.`,
    gone: () => `${what} is no longer for sale.`,
    left_out: () => `${what} found no place in this cart.`,
  };
  return words[kind]?.() ?? `${what} has changed.`;
}

function row(line, act) {
  const id = `quantity-${line.product_id}`;
  const change = (event) =>
    event.target.reportValidity() &&
    act(() => cart.set(line.product_id, event.target.valueAsNumber), `${event.target.value} of ${line.name}`);
  const box = h("div", { class: "picture" });
  product(line.product_id).then((found) => found && box.replaceWith(picture(found, { sizes: "5rem" })));
  return h(
    "li",
    { class: "line" },
    box,
    h("a", { href: `/products/${line.product_id}` }, line.name),
    h("p", { class: "price" }, line.price ? money(line.price) : "–"),
    h(
      "div",
      { class: "acts" },
      h("label", { class: "hidden", for: id }, `Quantity of ${line.name}`),
      h("input", { id, type: "number", min: 1, max: 999, value: String(line.quantity), onchange: change }),
      line.quantity > 1 && line.unit_price && h("span", { class: "quiet small" }, `${money(line.unit_price)} each`),
      !line.is_available && h("span", { class: "tag off" }, line.free ? `only ${line.free} left` : "Sold out"),
      h(
        "button",
        { class: "plain", type: "button", onclick: () => act(() => cart.drop(line.product_id), `${line.name} was taken out.`) },
        "Remove",
        h("span", { class: "hidden" }, ` ${line.name}`),
      ),
    ),
  );
}

const PROBLEMS = {
  unknown_coupon: "There is no such coupon.",
  coupon_not_yet_valid: "Its time has not come yet.",
  coupon_no_longer_valid: "Its time is over.",
  coupon_used_up: "It was used as often as it may be.",
  coupon_already_used: "You have used it as often as you may.",
  coupon_needs_account: "It is for customers who are logged in.",
  coupon_minimum_not_reached: "It wants a larger order.",
  coupon_in_other_currency: "It is for another currency.",
};

/** The field for a coupon, or the coupon with why it does not count. */
export function coupon(act) {
  const { coupon: code, coupon_problem: problem } = cart.current;
  if (code) {
    const why = problem && (PROBLEMS[problem] ?? "It does not count for this cart.");
    return h(
      "div",
      {},
      h(
        "p",
        { class: "row" },
        h("span", {}, "Coupon ", h("strong", {}, code)),
        h(
          "button",
          {
            class: "plain end",
            type: "button",
            id: "coupon-off",
            onclick: () => act(() => cart.useCoupon(null), "The coupon was taken off."),
          },
          "Take it off",
        ),
      ),
      why && h("p", { class: "notice bad" }, why),
    );
  }
  const send = (event) => {
    event.preventDefault();
    const wanted = new FormData(event.target).get("code").trim();
    if (wanted) act(() => cart.useCoupon(wanted), `The coupon ${wanted} was added.`);
  };
  const element = h("form", { class: "coupon", onsubmit: send });
  return put(
    element,
    h(
      "div",
      { class: "field" },
      h("label", { for: "coupon" }, "Coupon"),
      h("input", { id: "coupon", name: "code", maxlength: 40, autocomplete: "off" }),
    ),
    h("button", {}, "Add"),
  );
}
