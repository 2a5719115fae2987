/** Which markets are shown, in which order, and how an address says so. Plain values in and out. */

/**
 * @typedef {{search: string, category: string, status: string, sort: string}} Filters
 * @typedef {import("./catalogue.js").Market} Market
 * @typedef {import("../feeds/tickers.js").Ticker} Ticker
 */

/** The statuses of what may still move. */
export const LIVING = ["ACTIVE", "SUSPENDED", "HALTED"];
const OVER = ["RESOLVED", "SETTLED", "VOIDED"];

/** @type {{name: string, label: string, statuses: string[]}[]} */
export const STATUSES = [
  { name: "open", label: "Not decided yet", statuses: LIVING },
  { name: "trading", label: "Trading now", statuses: ["ACTIVE"] },
  { name: "paused", label: "Paused", statuses: ["SUSPENDED", "HALTED"] },
  { name: "ended", label: "Ended", statuses: OVER },
  { name: "all", label: "All", statuses: [...LIVING, ...OVER] },
];

export const SORTS = [
  { name: "volume", label: "Volume" },
  { name: "closing", label: "Closing soon" },
  { name: "newest", label: "Newest" },
  { name: "move", label: "Biggest move" },
];

/** @type {Filters} */
const PLAIN = { search: "", category: "", status: "open", sort: "volume" };

/** @param {URLSearchParams} query @returns {Filters} */
export function filtersOf(query) {
  const [status, sort] = [query.get("status"), query.get("sort")];
  return {
    search: query.get("q") ?? "",
    category: query.get("category") ?? "",
    status: STATUSES.find(({ name }) => name === status)?.name ?? PLAIN.status,
    sort: SORTS.find(({ name }) => name === sort)?.name ?? PLAIN.sort,
  };
}

/** Only what differs from the plain list stands in it. @param {Filters} filters */
export function addressOf({ search, category, status, sort }) {
  const query = new URLSearchParams();
  if (search) query.set("q", search);
  if (category) query.set("category", category);
  if (status !== PLAIN.status) query.set("status", status);
  if (sort !== PLAIN.sort) query.set("sort", sort);
  return query.size ? `/?${query}` : "/";
}

/** Letters without case and accents: who looks for `munchen` means `München`. @param {string} text */
const plain = (text) => text.normalize("NFD").replace(/\p{Mn}/gu, "").toLowerCase();

/** Whether a market has all the words, wherever they begin and in any order. @param {string} search */
export function finder(search) {
  const words = plain(search).split(/\s+/).filter(Boolean);
  return (/** @type {Market} */ { title, id, category }) => {
    const text = words.length ? plain(`${title} ${id} ${category ?? ""}`) : "";
    return words.every((word) => text.includes(word));
  };
}

/**
 * The markets that match all of it, in the chosen order. Where two are equal the newer one is ahead.
 * @param {Market[]} items newest first @param {Map<string, Ticker>} tickers @param {Filters} filters @param {number} now
 */
export function select(items, tickers, { search, category, status, sort }, now) {
  const isFound = finder(search);
  const statuses = STATUSES.find(({ name }) => name === status)?.statuses ?? [];
  const found = items.filter((market) => {
    if (!statuses.includes(tickers.get(market.id)?.status ?? market.status)) return false;
    return (!category || market.category === category) && isFound(market);
  });
  /** @type {Record<string, (market: Market) => number>} what is least comes first */
  const ranks = {
    volume: ({ id, volume_24h: volume }) => -(tickers.get(id)?.volume_24h ?? volume),
    closing: (market) => {
      const left = endOf(market) - now;
      return left > 0 ? left : Number.MAX_VALUE;
    },
    newest: () => 0,
    move: ({ id }) => -Math.abs(moveOf(tickers.get(id)) ?? -0.5),
  };
  const ranked = found.map((market) => ({ market, rank: ranks[sort](market) }));
  return ranked.sort((one, other) => one.rank - other.rank).map(({ market }) => market);
}

/** When trading ends; without such a moment, when the answer is due; else never. @param {Market} market */
export function endOf({ trading_end_at: ends, resolution_date: due }) {
  const moment = ends ?? due;
  return moment === null ? Number.POSITIVE_INFINITY : Date.parse(moment);
}

/** How far YES has moved in 24 hours, in cents; null where nothing says. @param {Ticker | undefined} ticker */
export function moveOf(ticker) {
  const { spot_half_cents: spot, open_24h_cents: before } = ticker ?? {};
  return spot === null || spot === undefined || before === null || before === undefined ? null : Math.round(spot / 2 - before);
}

/** Those there are, by how many markets they have. @param {Market[]} items */
export function categoriesOf(items) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { category } of items) if (category) counts.set(category, (counts.get(category) ?? 0) + 1);
  return [...counts.keys()].sort((one, other) => (counts.get(other) ?? 0) - (counts.get(one) ?? 0) || one.localeCompare(other));
}
