// The shop window: categories, filters, what was searched for.

import { go } from "/js/app.js";
import { get } from "/js/api.js";
import { card, placeholders } from "/js/catalogue.js";
import { fill, h, say } from "/js/dom.js";
import { money } from "/js/words.js";

const FILTERS = ["q", "category", "tag", "price_min", "price_max", "available"];
const ORDERS = { "-created": "Newest", price: "Cheapest first", "-price": "Dearest first", name: "By name" };
const isFilter = (name) => FILTERS.includes(name) || name.startsWith("attr.");
const TAGS = 14;
const currency = "EUR";

export async function show({ main, url, signal, isSame }) {
  const wanted = url.searchParams;
  const page = isSame ? main.firstElementChild : frame(main);
  const [side, body] = page.children;
  body.setAttribute("aria-busy", "true");
  if (!isSame) fill(body, h("h1", {}, "The Shop"), h("div", { class: "bar" }), h("div", { class: "grid" }, placeholders(12)));
  const [tree, counts, found] = await Promise.all([
    get("/categories", { signal }),
    get(`/products/facets?${query(wanted, [])}`, { signal }),
    get(`/products?${query(wanted, [], { order: wanted.get("order"), limit: 24 })}`, { signal }),
  ]);
  body.removeAttribute("aria-busy");
  const nodes = tree.results ?? tree;
  fill(side, filters(wanted, nodes, counts));
  fill(body, ...heading(wanted, nodes, counts), results(found, wanted), more(found));
  if (isSame) say(`${counts.count} products`);
}

/** Narrow the list: change the address, and what is shown, where it is. */
function narrow(change) {
  const wanted = new URL(location.href).searchParams;
  change(wanted);
  go(`/?${wanted}`, { replace: true, quietly: true });
}

function frame(main) {
  const side = h("aside", { class: "side", "aria-label": "Categories and filters" });
  const page = h("div", { class: "wide split" }, side, h("section", { class: "body" }));
  fill(main, page);
  return page;
}

function query(wanted, without, more = {}) {
  const asked = new URLSearchParams();
  for (const [name, value] of wanted) {
    if (isFilter(name) && !without.includes(name) && value) asked.append(name, value);
  }
  for (const [name, value] of Object.entries(more)) if (value) asked.set(name, value);
  return asked;
}

function heading(wanted, tree, counts) {
  const text = wanted.get("q");
  const category = named(tree, wanted.get("category"));
  const title = text ? `“${text}”` : (category?.name ?? wanted.get("category") ?? "Things that last");
  const orders = text ? { "": "Best match", ...ORDERS } : ORDERS;
  const choose = (event) => narrow((now) => now.set("order", event.target.value));
  return [
    !text && !category && !wanted.size && h("p", { class: "lead" }, "For kitchens, cabins and long winters. Sent from the north."),
    h("h1", {}, title),
    h(
      "div",
      { class: "bar" },
      h("p", { class: "quiet" }, counts.count === 1 ? "1 product" : `${counts.count} products`, chosen(wanted)),
      h(
        "label",
        { class: "inline" },
        "Sorted ",
        h(
          "select",
          { id: "order", onchange: choose },
          Object.entries(orders).map(([value, name]) => h("option", { value, selected: value === (wanted.get("order") ?? "") }, name)),
        ),
      ),
    ),
  ];
}

function named(tree, slug) {
  for (const node of tree) {
    const found = node.slug === slug ? node : named(node.children, slug);
    if (found) return found;
  }
  return null;
}

const chosen = (wanted) =>
  [...wanted.keys()].some((name) => isFilter(name) && name !== "q") && [
    " · ",
    h("a", { href: wanted.get("q") ? `/?q=${encodeURIComponent(wanted.get("q"))}` : "/" }, "show all"),
  ];

function results(found, wanted) {
  if (found.results.length) return h("div", { class: "grid", id: "results" }, found.results.map(card));
  const nothing = wanted.get("q") ? "Nothing here is called so, or nearly so." : "Nothing is left of these.";
  return h("div", { class: "empty" }, h("p", {}, nothing), h("a", { class: "button", href: "/" }, "Show everything"));
}

function more(found) {
  if (!found.next) return null;
  const button = h("button", { type: "button", class: "more", onclick: load }, "Show more");
  let next = found.next;
  async function load() {
    button.disabled = true;
    try {
      const page = await get(next);
      const cards = page.results.map((product) => card(product, 99));
      document.getElementById("results").append(...cards);
      cards[0]?.querySelector("a").focus();
      say(`${cards.length} more products`);
      next = page.next;
      if (!next) button.remove();
    } catch (problem) {
      say(problem.message);
    }
    button.disabled = false;
  }
  return button;
}

function filters(wanted, tree, counts) {
  const isWide = matchMedia("(min-width: 60rem)").matches;
  const wasOpen = document.getElementById("filters")?.open;
  return h(
    "details",
    { id: "filters", open: wasOpen ?? isWide },
    h("summary", {}, "Categories and filters"),
    h("nav", { "aria-label": "Categories" }, branches(tree, wanted, new Map(counts.categories.map((each) => [each.slug, each.count])))),
    h(
      "form",
      { onsubmit: (event) => event.preventDefault() },
      stock(wanted, counts),
      prices(wanted, counts),
      attributes(wanted, counts),
      tags(wanted, counts),
    ),
  );
}

function branches(tree, wanted, counts) {
  const found = tree.filter((node) => counts.get(node.slug) || node.slug === wanted.get("category"));
  if (!found.length) return null;
  return h(
    "ul",
    { class: "tree" },
    found.map((node) => branch(node, wanted, counts)),
  );
}

function branch(node, wanted, counts) {
  const there = query(wanted, ["category"], { category: node.slug });
  const isHere = wanted.get("category") === node.slug;
  const link = h("a", { href: `/?${there}`, "aria-current": isHere && "page" }, node.name);
  return h("li", {}, link, " ", count(counts.get(node.slug) ?? 0), branches(node.children, wanted, counts));
}

const count = (number) => h("span", { class: "quiet small" }, String(number));

function stock(wanted, { availability }) {
  const there = availability.find((each) => each.available)?.count ?? 0;
  const choose = (event) => narrow((now) => (event.target.checked ? now.set("available", "true") : now.delete("available")));
  return h("fieldset", {}, h("legend", {}, "Stock"), box("checkbox", "available", "In stock", there, wanted.has("available"), choose));
}

function prices(wanted, { prices: buckets }) {
  const choose = (min, max) => () =>
    narrow((now) => {
      for (const [name, value] of [
        ["price_min", min],
        ["price_max", max],
      ]) {
        if (value === undefined || value === null) now.delete(name);
        else now.set(name, value);
      }
    });
  const written = (amount) => money({ amount, currency }).replace(/\D00(?=\D*$)/, "");
  const rows = buckets.map(({ price_min, price_max, count: number }) => {
    const text = price_max ? `${written(price_min)} – ${written(price_max + 1)}` : `from ${written(price_min)}`;
    const isChosen = wanted.get("price_min") === String(price_min);
    return box("radio", `price-${price_min}`, text, number, isChosen, choose(price_min, price_max));
  });
  const any = box("radio", "price-any", "Any price", null, !wanted.has("price_min"), choose());
  return h("fieldset", {}, h("legend", {}, "Price"), any, rows);
}

function tags(wanted, counts) {
  const asked = wanted.getAll("tag");
  const shown = [...counts.tags.filter((each) => asked.includes(each.tag)), ...counts.tags.filter((each) => !asked.includes(each.tag))];
  const rows = shown
    .slice(0, TAGS)
    .map(({ tag, count: number }) => box("checkbox", `tag-${tag}`, tag, number, asked.includes(tag), choose("tag", tag)));
  return rows.length > 0 && h("fieldset", {}, h("legend", {}, "Tags"), rows);
}

function attributes(wanted, counts) {
  return (counts.attributes ?? []).map(({ name, values }) => {
    const rows = values.map(({ value, count: number }) =>
      box("checkbox", `${name}-${value}`, value, number, wanted.getAll(`attr.${name}`).includes(value), choose(`attr.${name}`, value)),
    );
    return h("fieldset", { class: "named" }, h("legend", {}, name), rows);
  });
}

/** Add a value to those that are asked for, or take it away. */
const choose = (name, value) => (event) =>
  narrow((now) => {
    const rest = now.getAll(name).filter((other) => other !== value);
    now.delete(name);
    for (const each of event.target.checked ? [...rest, value] : rest) now.append(name, each);
  });

function box(type, id, text, number, checked, onchange) {
  const name = type === "radio" ? "price" : null;
  return h(
    "label",
    { class: "box" },
    h("input", { type, id, name, checked, onchange }),
    h("span", {}, text),
    number !== null && count(number),
  );
}
