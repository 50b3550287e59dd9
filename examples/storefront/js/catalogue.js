// How products are shown, wherever they are.

import { get } from "/js/api.js";
import { h, marked } from "/js/dom.js";
import { money } from "/js/words.js";

/** A picture in its box, which has its size before the picture is there. */
export function picture(product, { sizes, eager = false, index = 0 } = {}) {
  const found = product.pictures?.[index];
  const box = h("div", { class: "picture" });
  if (!found?.sizes?.length && typeof found !== "string") return box;
  const of = typeof found === "string" ? { sizes: [{ url: found }] } : found;
  const largest = of.sizes.at(-1);
  const srcset = of.sizes.filter((size) => size.width).map((size) => `${size.url} ${size.width}w`);
  box.append(
    h("img", {
      src: largest.url,
      srcset: srcset.join(", ") || null,
      sizes: srcset.length ? sizes : null,
      width: largest.width ?? 640,
      height: largest.height ?? 640,
      alt: of.alt_text || product.name,
      loading: eager ? "eager" : "lazy",
      decoding: "async",
    }),
  );
  return box;
}

/** A product as one of many. */
export function card(product, index = 0) {
  const { highlight } = product;
  return h(
    "article",
    { class: "card" },
    picture(product, { sizes: "(min-width: 60rem) 15rem, 45vw", eager: index < 4 }),
    h("h2", {}, h("a", { href: `/products/${product.id}` }, highlight ? marked(highlight.name) : product.name)),
    highlight && h("p", { class: "quiet small snippet" }, marked(highlight.description)),
    h("p", { class: "price" }, money(product.price), !product.available && soldOut()),
  );
}

export const soldOut = () => h("span", { class: "tag off" }, "Sold out");

/** Cards that will be there, of the size that they will have. */
export const placeholders = (count) =>
  Array.from({ length: count }, () =>
    h("div", { class: "card waiting", "aria-hidden": true }, h("div", { class: "picture" }), h("p", {}), h("p", {})),
  );

const known = new Map();

/** Return a product that was read before, or read it; null if it is gone. */
export function product(id) {
  if (!known.has(id))
    known.set(
      id,
      get(`/products/${id}`).catch(() => null),
    );
  return known.get(id);
}
