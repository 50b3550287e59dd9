// One product, among those that differ from it by options alone.

import { get } from "/js/api.js";
import { cart } from "/js/cart.js";
import { picture, placeholders, soldOut } from "/js/catalogue.js";
import { fill, h, refusal, say } from "/js/dom.js";
import { money } from "/js/words.js";

export async function show({ main, match, signal, isSame }) {
  if (!isSame) fill(main, h("div", { class: "wide page product", "aria-busy": true }, placeholders(1)));
  const product = await get(`/products/${match[1]}`, { signal });
  fill(main, h("div", { class: "wide page product" }, gallery(product), facts(product)));
}

function gallery(product) {
  const place = h("div", {}, picture(product, { sizes: "(min-width: 60rem) 34rem, 92vw", eager: true }));
  const look = (index) => fill(place, picture(product, { sizes: "(min-width: 60rem) 34rem, 92vw", eager: true, index }));
  const others = product.pictures.map((_, index) =>
    h(
      "button",
      { type: "button", "aria-label": `Picture ${index + 1}`, onclick: () => look(index) },
      picture(product, { sizes: "5rem", index }),
    ),
  );
  return h("div", { class: "gallery" }, place, others.length > 1 && h("div", { class: "thumbs" }, others));
}

function facts(product) {
  return h(
    "div",
    { class: "facts" },
    h(
      "nav",
      { "aria-label": "Where this is" },
      h("a", { href: "/" }, "Shop"),
      " / ",
      h("a", { href: `/?category=${product.category}` }, product.category),
    ),
    h("h1", {}, product.name),
    product.model && h("p", { class: "quiet" }, product.model),
    h("p", { class: "price large" }, money(product.price)),
    product.variants && options(product),
    order(product),
    product.description.split(/\n+/).map((text) => h("p", {}, text)),
    product.tags.length > 0 &&
      h(
        "ul",
        { class: "tags" },
        product.tags.map((tag) => h("li", {}, h("a", { class: "tag", href: `/?tag=${encodeURIComponent(tag)}` }, tag))),
      ),
    details(product),
  );
}

/** For each option its values; each leads to the sibling that is otherwise most alike. */
function options(product) {
  const { options: names, products } = product.variants;
  const own = products.find((each) => each.id === product.id)?.options ?? {};
  const likeness = (other) => names.filter((name) => other.options[name] === own[name]).length;
  return names.map((name) => {
    const values = [...new Set(products.map((each) => each.options[name]))];
    const links = values.map((value) => {
      const [best] = products.filter((each) => each.options[name] === value).sort((one, other) => likeness(other) - likeness(one));
      return h(
        "li",
        {},
        h(
          "a",
          { class: best.available ? "option" : "option off", href: `/products/${best.id}`, "aria-current": own[name] === value && "true" },
          value,
          !best.available && h("span", { class: "hidden" }, ", sold out"),
        ),
      );
    });
    return h("div", { class: "options" }, h("p", { id: `option-${name}` }, name), h("ul", { "aria-labelledby": `option-${name}` }, links));
  });
}

function order(product) {
  if (!product.available) return h("p", {}, soldOut(), " Come back later: this page knows when there is more.");
  const failed = h("div");
  const quantity = h("input", {
    id: "quantity",
    name: "quantity",
    type: "number",
    min: 1,
    max: 999,
    value: "1",
    required: true,
    inputmode: "numeric",
  });
  const button = h("button", { class: "primary" }, "Add to cart");
  async function add(event) {
    event.preventDefault();
    button.disabled = true;
    fill(failed);
    try {
      await cart.add(product.id, quantity.valueAsNumber);
      say(`${product.name} is in your cart.`);
      fill(failed, h("p", { class: "notice good" }, "It is in your cart. ", h("a", { href: "/cart" }, "To the cart")));
    } catch (problem) {
      fill(failed, refusal(problem));
    }
    button.disabled = false;
  }
  return [
    h("p", { class: "stock" }, h("span", { class: "dot", "aria-hidden": true }), "In stock"),
    h("form", { class: "buy", onsubmit: add }, h("label", { class: "hidden", for: "quantity" }, "Quantity"), quantity, button),
    failed,
  ];
}

function details({ code, attributes, package: { width, length, height, weight } }) {
  const rows = [
    ...Object.entries(attributes ?? {}),
    [
      "Packed",
      `${[width, length, height].map((each) => each / 10).join(" × ")} cm, ${weight < 1000 ? `${weight} g` : `${weight / 1000} kg`}`,
    ],
    ["Code", code],
  ];
  return h(
    "dl",
    { class: "details" },
    rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}
