// The shell: which page an address shows, and what stays around it.

import { Problem } from "/js/api.js";
import { cart } from "/js/cart.js";
import { fill, h, refusal } from "/js/dom.js";
import { session } from "/js/session.js";

const UUID = "([0-9a-f-]{36})";
const ROUTES = [
  [/^\/$/, "list"],
  [new RegExp(`^/products/${UUID}$`), "product"],
  [/^\/cart$/, "cart"],
  [/^\/checkout$/, "checkout"],
  [new RegExp(`^/orders/${UUID}$`), "order"],
  [/^\/order$/, "link"],
  [/^\/lost-link$/, "lost"],
  [/^\/(login|register)$/, "login"],
  [/^\/account$/, "account"],
  [/^\/(verify-email|reset-password)$/, "letters"],
];
const main = document.getElementById("main");
let leaving = new AbortController();
let shown = null;

/** Show an address of the storefront. */
export function go(address, { replace = false, quietly = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", address);
  return show({ quietly });
}

async function show({ quietly = false } = {}) {
  leaving.abort();
  if (!quietly) document.getElementById("said").textContent = "";
  leaving = new AbortController();
  const { signal } = leaving;
  const url = new URL(location.href);
  const [, name, match] = find(url.pathname);
  const focused = quietly ? document.activeElement?.id : "";
  if (!quietly) window.scrollTo(0, 0);
  try {
    const page = await import(`/js/pages/${name}.js`);
    if (signal.aborted) return;
    await page.show({ main, url, match, signal, isSame: shown === name && quietly });
  } catch (problem) {
    if (signal.aborted) return;
    if (!(problem instanceof Problem)) console.error(problem);
    fill(
      main,
      h(
        "div",
        { class: "wide page" },
        h("h1", {}, titleOf(problem)),
        refusal(problem, () => show()),
      ),
    );
  }
  if (signal.aborted) return;
  settle(name, focused);
}

function find(path) {
  for (const [pattern, name] of ROUTES) {
    const match = path.match(pattern);
    if (match) return [pattern, name, match];
  }
  return [null, "nothing", null];
}

const titleOf = (problem) => (problem.status === 404 ? "There is nothing here" : "That did not work");

/** Name the page, and begin reading it at its heading; what is changed in place keeps its focus. */
function settle(name, focused) {
  const heading = main.querySelector("h1");
  document.title = heading ? `${heading.textContent} · The Shop` : "The Shop";
  const place = focused && document.getElementById(focused);
  if (place) place.focus();
  else if (shown && heading) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
  shown = name;
}

function showPersonal() {
  document.getElementById("to-account").textContent = session.isLoggedIn ? "Account" : "Log in";
  document.getElementById("q").value = new URL(location.href).searchParams.get("q") ?? "";
}

function showCount() {
  const place = document.getElementById("cart-count");
  place.hidden = !cart.count;
  fill(place, String(cart.count), h("span", { class: "hidden" }, " things"));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !isPlain || link.target || link.hasAttribute("download")) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || (url.hash && url.pathname === location.pathname)) return;
  event.preventDefault();
  go(url.pathname + url.search + url.hash).then(showPersonal);
});

document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = new FormData(event.target).get("q").trim();
  go(text ? `/?${new URLSearchParams({ q: text })}` : "/");
});

window.addEventListener("popstate", () => show().then(showPersonal));
document.addEventListener("session", showPersonal);
document.addEventListener("cart", showCount);

showPersonal();
cart.load().catch(() => {}); // the page itself tells what is wrong
show();
