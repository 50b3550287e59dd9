// Elements are made by calls, never from HTML: what others have written stays text.

/** Make an element: `h("a", {href: "/", onclick: f}, "text", another)`. Empty children are left out. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name === "class_" ? "class" : name, value === true ? "" : value);
  }
  return put(element, ...children);
}

/** Add children to an element: elements, texts, lists of them. */
export function put(element, ...children) {
  const empty = [undefined, null, false, ""];
  element.append(...children.flat(Infinity).filter((child) => !empty.includes(child)));
  return element;
}

/** Let an element hold these children and nothing else. */
export function fill(element, ...children) {
  element.replaceChildren();
  return put(element, ...children);
}

const ENTITIES = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#x27;": "'", "&amp;": "&" };

/** Read the API's highlight, escaped text with `<mark>` in it, as texts and `mark` elements. */
export function marked(highlight) {
  const plain = (text) => text.replace(/&(?:lt|gt|quot|#x27|amp);/g, (entity) => ENTITIES[entity]);
  return highlight.split(/<mark>(.*?)<\/mark>/s).map((part, index) => (index % 2 ? h("mark", {}, plain(part)) : plain(part)));
}

/** Tell something to those who see and to those who listen. */
export function say(text) {
  const place = document.getElementById("said");
  place.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (place.textContent = ""), 6000);
}

/** A box that tells what went wrong, with the problem's id for those who ask for help. */
export function refusal(problem, again) {
  return h(
    "div",
    { class: "notice bad", role: "alert" },
    h("p", {}, h("strong", {}, problem.title ?? "That did not work."), " ", problem.message),
    problem.request_id && h("p", { class: "quiet small" }, `Request ${problem.request_id}`),
    again && h("button", { type: "button", onclick: again }, "Try again"),
  );
}
