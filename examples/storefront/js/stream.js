// Server-sent events read with fetch: an EventSource can send neither a login nor an order's token.

import { pause, request } from "/js/api.js";

/** Call `hear(event, data)` for what happened to an order and what happens, until it is over. */
export async function follow(path, { headers, anonymous, signal, hear }) {
  let last = "";
  for (let failures = 0; !signal.aborted;) {
    try {
      const query = last ? `?last_event_id=${last}` : "";
      const { response } = await request("GET", path + query, { headers, anonymous, signal, raw: true });
      failures = 0;
      let isOver = false;
      for await (const { id, event, data } of events(response.body)) {
        isOver ||= event === "end";
        last = id || last;
        if (!isOver) hear(event, JSON.parse(data));
      }
      if (isOver) return;
    } catch (problem) {
      if (signal.aborted || [401, 403, 404].includes(problem.status)) return;
      failures += 1;
    }
    await pause(Math.min(1 + failures ** 2, 30)); // the stream ended without an end: go on after `last`
  }
}

async function* events(body) {
  let text = "";
  for await (const part of chunks(body.pipeThrough(new TextDecoderStream()))) {
    const blocks = (text + part).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n").map((line) => line.split(/: ?(.*)/s));
      const found = Object.fromEntries(lines.filter(([name]) => name));
      if (found.event) yield found;
    }
  }
}

async function* chunks(stream) {
  const reader = stream.getReader();
  try {
    for (let next; !(next = await reader.read()).done;) yield next.value;
  } finally {
    reader.cancel().catch(() => {});
  }
}
