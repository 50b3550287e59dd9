// Where the API and the payment provider are: written by the server that serves these pages.

export const config = await (await fetch("/config.json")).json();
