// How amounts, times and states are written.

const LOCALE = navigator.language || "en";

/** The languages of mails and documents, and the one of these that the browser speaks. */
export const LANGUAGES = [
  ["en", "English"],
  ["de", "Deutsch"],
  ["fr", "Français"],
];
export const language = () => LANGUAGES.map(([code]) => code).find((code) => LOCALE.split("-")[0] === code) ?? "en";

/** Write an amount of money: the API's is in minor units, whose number the currency knows. */
export function money({ amount, currency }) {
  const format = new Intl.NumberFormat(LOCALE, { style: "currency", currency });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

export function time(text) {
  const options = { dateStyle: "medium", timeStyle: "medium" };
  return new Intl.DateTimeFormat(LOCALE, options).format(new Date(text));
}

export function day(text) {
  return new Intl.DateTimeFormat(LOCALE, { dateStyle: "long" }).format(new Date(text));
}

export const STATES = {
  PLACED: "Placed",
  CONFIRMED: "Confirmed",
  PACKAGED: "Packed",
  SHIPPED: "On its way",
  FULFILLED: "Delivered",
  CANCELLING: "Being cancelled",
  CANCELLED: "Cancelled",
  PACKAGING_FAILED: "Could not be packed",
  DELIVERY_FAILED: "Could not be delivered",
};

export const EVENTS = {
  placed: "We have your order",
  confirmed: "Stock and payment are settled",
  lines_changed: "Something could not be packed: you pay less",
  packaged: "Packed",
  shipped: "On its way to you",
  fulfilled: "Delivered",
  paid: "Paid",
  address_changed: "The address was changed",
  address_change_refused: "The new address came too late",
  cancellation_requested: "You asked to cancel",
  cancellation_refused: "It was too late to cancel",
  cancelled: "Cancelled",
  packaging_failed: "It could not be packed",
  delivery_failed: "It could not be delivered",
};

export const REASONS = {
  out_of_stock: "Someone else was faster: it is out of stock. Nothing was charged.",
  payment_declined: "The card was declined, and nothing was charged. Order again with another card.",
  timed_out: "Stock or payment did not answer in time. Nothing was charged.",
  requested: "It was cancelled as asked. Nothing was charged.",
};

/** The countries of CLDR, by name, as [code, name]. */
export function countries() {
  const names = new Intl.DisplayNames([LOCALE, "en"], { type: "region" });
  return COUNTRIES.split(" ")
    .map((code) => [code, names.of(code)])
    .sort((one, other) => one[1].localeCompare(other[1]));
}

const COUNTRIES =
  "AT AU BE BG BR CA CH CN CY CZ DE DK EE ES FI FR GB GR HR HU IE IN IS IT JP KR LT LU LV MT MX NL NO" +
  " NZ PL PT RO SE SG SI SK UA US ZA";
