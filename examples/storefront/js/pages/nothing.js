import { fill, h } from "/js/dom.js";

/** An address that leads nowhere. */
export function show({ main }) {
  fill(main, h("div", { class: "wide page" }, h("h1", {}, "There is nothing here"), h("p", {}, h("a", { href: "/" }, "To the shop"))));
}
